r"""Extraction of the option, A to E, that a completion commits to. Two options named at once are no answer.

The article in "A good choice would be C" is no option. Where the options' words are known, an answer in those words counts too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sirev.grading import extract
from sirev.grading.committed import before_next_problem, committed, plain_signs

_OPEN = r"(?:[\s*_\"'`(\[{$<:=>–-]|\\(?:boxed|fbox|text|textbf|mathrm|mathbf|bf|rm|left)(?![a-zA-Z])|\\[(\[{,;: ])"
_CLOSE = r"[\s*_\"'`)\]}$>]|\\[)\]},;: ]"
_LETTER = re.compile(rf"{_OPEN}*+(?P<letter>[A-Ea-e])(?![^\W_]|[#=]|['’]\w|[-–][^\W\d_]|[+&/](?!\s|[A-Ea-e]\b)|\.[a-zA-Z]\b)")
_ALONE = re.compile(rf"{_OPEN}*+[A-Ea-e](?:{_CLOSE}|[.:,;!])*+\Z")
_MORE = re.compile(
    rf"(?:{_CLOSE})*+(?:[,/&;+|]|\b(?:or|and|to)\b)"
    rf"(?:\s|\b(?:or|and|maybe|perhaps|possibly|even|either|also|option|choice)\b|{_OPEN})*+"
    r"(?P<letter>[A-Ea-e])(?![\w'’]|[-–][^\W\d_])",
    re.IGNORECASE,
)
"""A second option named after a first."""
_ARTICLE = re.compile(
    r"[ \t]+(?!(?:or|and|is|was|because|since|as|for|by|due|with|but|seems|would|being|which|i\.e|it|they|this|that|the|fits"
    r"|makes)\b)[a-z]"
)
_FILLER = re.compile(
    rf"(?:{_OPEN}|\bi (?:think|believe|choose|pick|select|would say)\b|\b(?:the|my|is|it|it's|its|that|this|would|will|must"
    r"|should|be|best|correct|right|final|most|likely|probably|clearly|therefore|thus|hence|so|definitely|certainly"
    r"|options?|choice|letter|answer|number|simply|indeed)\b,?)*+",
    re.IGNORECASE,
)
"""Words that may stand between "the answer is" and the option."""
_ANSWER = re.compile(
    r"(?<!/)\banswers?\b[*_\"'`#]*+(?:\s++(?:to|for) (?:the|this|your) (?:problem|question|above))?(?:\s++choice)?[*_\"'`]*+\s*+"
    r"(?:[:=>]|\b(?:is|was|would be|will be|should be|must be)\b(?!n't|\s++(?:not|in|also|found|based|given|clear|obvious|wrong"
    r"|incorrect|supported|consistent|(?:correct|right)(?!\s++(?:option|choice|answer|letter)))\b)|->|→|[-–](?= ))"
    r"|\b(?:ans|choice|option|selected|答案|答え)[*_]{0,3}[ \t]{0,3}:"
    r"|(?:\A|\n)[ \t*_#]*+(?:final |correct |the )*+answer[*_]*+[ \t]*+\n",
    re.IGNORECASE,
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s*+\{")
_SAID = re.compile(
    r"\b(?:(?:correct|right|best|final|most \w{1,15})\s(?:option|choice|letter)\s(?:is|would be|must be|:)"
    r"|(?:i|we|i'd|we'd|i'll)\s(?:would\s|will\s|should\s)?(?:choose|pick|select|go with|chose|picked|selected|say)"
    r"|(?:therefore|thus|hence|so)[,:]?(?:\s(?:it is|it's|it must be|it should be|i choose|we choose))?"
    r"|(?:would|must|should) be|it is|it's)(?=[\s:])",
    re.IGNORECASE,
)
_IS_RIGHT = re.compile(
    r"(?:\A|[\n.,:;(*!?]\s{0,3}+|\b(?i:so|thus|hence|therefore|option|choice|that|conclude|think|believe|and)\s{1,3}+)[(\[*_\"'`]{0,4}+"
    r"(?P<letter>[A-E])(?![\w'’-])[)\]*_\"'`.:]{0,4}+\s{1,3}+(?:is|must be|would be|seems)\s{1,3}+"
    r"(?:(?:clearly|therefore|thus)\s{1,3}+)?"
    r"(?:the\s{1,3}+)?(?:only\s{1,3}+)?(?:answer\b|(?:correct|right|best|most \w{1,15})[*_]{0,4}+"
    r"(?=\s{0,3}(?:[.,;!)\n]|\Z|(?:answer|option|choice|because|since|here)\b)))"
)
_OPTION = re.compile(r"\b(?:option|choice)\s[(\[*_\"'`]{0,4}+(?P<letter>[A-Ea-e])(?![\w'’-])", re.IGNORECASE)
_DENIED = re.compile(
    r"[)\]*_\"'`.:]*+\s(?:is|are|was|can|does|would|seems|and)\b[^.\n]{0,40}?(?:not\b|n't|wrong|incorrect|unlikely|false)"
)
_LINE = re.compile(r"[ \t*_\"'`(\[]*+(?P<letter>[A-Ea-e])[*_\"'`]*+(?:[.):\]]|\Z)")
_SENTENCE = re.compile(r"[.!?](?=\s+[A-Z]|\s*\Z)|\n")
_SHOWN = re.compile(r"[ \t]*\(?([A-E])[.):][ \t]+(\S[^\n]*)")
_CLOSERS = tuple(")]}*`\"'$")
_COMMAND = re.compile(r"\\[a-z]+")
_LONGEST = 400
"""Characters that are read after "the answer is"."""


def option(text: str, options: Mapping[str, str] | None = None) -> str | None:
    """The letter, in upper case, that a completion finally names as its answer; None for none, or for two.

    Searched in this order: the last box, or the text after the last "answer is" or "Answer:", whichever comes later; "B is
    correct"; "the correct option is", "I choose"; "option B" in the last line; a completion that is only the option, or begins
    with it as a list does ("B. library"). `options`, from letters to their words, allows an answer in words.
    """
    text = plain_signs(committed(text))
    begun = before_next_problem(text)
    return (_option(begun, options or {}) if begun else None) or _option(text, options or {})


def shown_options(prompt: str) -> dict[str, str]:
    """The options of a prompt's last question, from lines "A. words", "(A) words" or "A) words"; empty without any."""
    found: dict[str, str] = {}
    for line in prompt.split("\n"):
        if (match := _SHOWN.match(line)) is None:
            continue
        if match[1] == "A":
            found = {}
        if match[1] == "ABCDE"[len(found) : len(found) + 1]:
            found[match[1]] = match[2].strip()
    return found if len(found) > 1 else {}


def _option(text: str, options: Mapping[str, str]) -> str | None:
    answers, boxes = list(_ANSWER.finditer(text)), list(_BOX.finditer(text))
    if boxes and (not answers or boxes[-1].start() >= answers[-1].start()):
        at = boxes[-1].start()
        return _named(extract.boxed(text[at : at + _LONGEST]) or "", options)
    if answers:
        return _named(text[answers[-1].end() : answers[-1].end() + _LONGEST], options)
    if (found := _concluded(text)) is not None:
        return found or None
    return _whole(text, options)


def _named(said: str, options: Mapping[str, str]) -> str | None:
    """The option named in the words after "the answer is"."""
    said = said.strip()
    if (letter := _first(said)) is not None:
        return letter or None
    if letter := _in_words(said, options):
        return letter
    limit = _SENTENCE.search(said)
    sentence = said[: limit.start() + 1] if limit else said
    found = [_first(sentence[match.end() :]) for match in _SAID.finditer(sentence)]
    return found[-1] if found and found[-1] and len(set(filter(None, found))) == 1 else None


def _first(said: str) -> str | None:
    """The option at the beginning of a text: its letter, "" for two options, None for anything else."""
    filler = _FILLER.match(said)
    begin = filler.end() if filler else 0
    found = _LETTER.match(said, begin)
    if found is None:
        return None
    letter = found["letter"]
    decorated = said[found.end() : found.end() + 1] in _CLOSERS
    if not decorated and letter in "aA" and _ARTICLE.match(said, found.end()):
        return None
    if letter.islower() and not decorated and not re.match(r"\s*+(?:[.):,;!*]|\Z|\n)", said[found.end() : found.end() + 80]):
        return None
    more = _MORE.match(said, found.end())
    if more and more["letter"].upper() != letter.upper() and (more["letter"].isupper() or letter.islower()):
        if more["letter"] in "aA" and _ARTICLE.match(said, more.end()):
            return letter.upper()
        return ""
    return letter.upper()


def _in_words(said: str, options: Mapping[str, str]) -> str | None:
    """The option whose words are the first line of a text, apart from articles, case and punctuation."""
    limit = re.search(r"\n", said)
    line = _words(said[: limit.start()] if limit else said)
    found = [letter for letter, words in options.items() if line and _words(words) == line]
    return found[0] if len(found) == 1 else None


def _words(text: str) -> str:
    words = re.findall(r"\w+", _COMMAND.sub(" ", text.lower()))
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("a", "an", "the") else words)


def _concluded(text: str) -> str | None:
    """The option that sentences such as "B is correct" agree on; "" where they disagree, None where there are none."""
    found = [match["letter"] for match in _IS_RIGHT.finditer(text)]
    found = found or [_first(text[match.end() : match.end() + _LONGEST]) or "" for match in _SAID.finditer(text)]
    if not any(found):
        last = text.rstrip().rpartition("\n")[2]
        found = [match["letter"] for match in _OPTION.finditer(last) if not _DENIED.match(last, match.end())]
    named = {letter.upper() for letter in found if letter}
    return None if not named else named.pop() if len(named) == 1 else ""


def _whole(text: str, options: Mapping[str, str]) -> str | None:
    """The option that is the whole completion, or begins its first line as in a list."""
    plain = text.strip()
    first, _, rest = plain.partition("\n")
    if _ALONE.match(first):
        return _first(first) or None
    if letter := _in_words(plain, options):
        return letter
    marked = _LINE.match(first)
    if marked is None or any(_LINE.match(line) for line in rest.split("\n")):
        return None
    return _first(first) or None
