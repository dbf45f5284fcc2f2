"""Explanations of the page's words: as hints in place, and as a glossary below the head."""

from __future__ import annotations

from sirev.reporting.page.markup import definitions, escaped

_WORDS = {
    "M_1": "the model trained on the human solutions, or the first of the files measured; every change is against it.",
    "M_T": "the last model. M_t is the model after t − 1 rounds of training on its own answers.",
    "greedy": "one answer to each problem at temperature 0, the model's likeliest.",
    "draws": "answers sampled at the temperature above; several to each problem.",
    "pass@1": "share of problems whose greedy answer is correct; without greedy answers, the mean share of correct draws.",
    "pass@N": "share of problems that at least one of N draws solves.",
    "OOD": "out of distribution: accuracy on other problems than those trained on.",
    "variety": "how many of 8 correct answers to a problem are distinct (equation lists, programs or n-grams).",
    "narrower": "correct answers became more alike: the share of distinct ones fell (D).",
    "margin": "the loss that “held” excludes, by a one-sided 95% bound.",
    "IS(t)": "improvement set: problems that M_t gets right and M_1 wrong, both greedy.",
    "LS(t)": "lost set: problems that M_1 gets right and M_t wrong, both greedy.",
    "re-roll": "the control for IS(t): M_1 on equally many problems that it gets wrong and would solve by drawing again.",
    "null run": "a run in which nothing improves itself: how much the numbers change by retraining or resampling alone.",
    "p, Holm": "the chance of a difference this large if nothing had changed, corrected for the number of tests.",
}
"""Word -> meaning, in reading order."""

_VERDICTS = {
    "progress": "pass@1 rose, and reach, other problems and variety held or rose.",
    "reversal": "pass@1 rose, and reach, other problems or variety fell.",
    "regress": "pass@1 fell; or it did not rise, and reach, other problems or variety fell.",
    "no change": "pass@1 neither rose nor fell, and nothing else fell.",
    "inconclusive": "these data allow all four.",
}

_HINTS = {
    **_WORDS,
    **_VERDICTS,
    "pass_at_1": _WORDS["pass@1"],
    "pass_at_n": _WORDS["pass@N"],
    "ood": _WORDS["OOD"],
    "distinct": _WORDS["variety"],
    "p": _WORDS["p, Holm"],
    "bound": "the lower one-sided 95% bound of the change; “held” takes one above the margin, which stands next to it.",
    "result": "up, down: significant at 5% after Holm; held: a loss of the margin is excluded; open: none of these.",
}


def explained(word: str) -> str:
    """The title attribute with the meaning of a word; "" for an unknown word."""
    return f' title="{escaped(_sentence(_HINTS[word]))}"' if word in _HINTS else ""


def glossary() -> str:
    """All words and verdicts as a folded list."""
    rows, verdicts = (definitions((word, _sentence(text)) for word, text in known.items()) for known in (_WORDS, _VERDICTS))
    return (
        '<details class="glossary" id="glossary"><summary>How to read this page</summary>'
        "<p>Each card compares the last model with the first on the same problems. The word is the verdict, with how many of the "
        "paper's three observations hold; below it stands what was observed. The changes, bounds and tests behind it open on "
        "request.</p>"
        f"{rows}<h3>Verdicts</h3>{verdicts}</details>"
    )


def _sentence(text: str) -> str:
    return text if text.startswith("pass@") else text[:1].upper() + text[1:]
