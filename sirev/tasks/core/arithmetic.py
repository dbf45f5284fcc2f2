"""The embedded task: short word problems about a running total, with solutions in six styles.

Everything is generated from a seed: problems, gold solutions and the pretraining corpus; the vocabulary of the
word-level tokenizer is fixed. A very small model executes some styles more reliably than others, so a model that
trains on its own correct answers drifts towards the reliable styles and forgets the others: the self-improvement
reversal in miniature.

An *inverse* problem gives the end of a story and asks for its start. Inverse problems can be part of the pretraining corpus and
of an out-of-distribution suite; the training set has none.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sirev.errors import BadInput
from sirev.fields import Count, Section, Seed, Weight
from sirev.tasks.task import Task

LARGEST_NUMBER = 99  # numbers 0..99 are one token each; no number in a solution may exceed it
LARGEST_TOTAL = 40

PERSONS = ("Tom", "Ann", "Ben", "Eva", "Max", "Ida", "Leo", "Mia")
PRONOUNS = ("he", "she", "he", "she", "he", "she", "he", "she")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
THINGS = ("apples", "books", "cards", "coins", "eggs", "pens", "shells", "stamps")
GAINS = ("buys", "finds")
LOSSES = ("loses", "sells")
PACKS = ("bags", "boxes")
LEAD_INS = ("", "so", "we get", "first", "the sum :", "count :")
SEPARATORS = (",", ";", ".", "then", "and")
STYLES = ("long", "step", "end", "sums", "verbal", "pluses")

PAD, EOS, UNK = "<pad>", "<eos>", "<unk>"

_NORMAL = {
    word: name
    for name, words in (
        *(("NAME", PERSONS), ("PRONOUN", PRONOUNS), ("DAY", DAYS), ("THING", THINGS)),
        *(("GAIN", GAINS), ("LOSS", LOSSES), ("PACK", PACKS)),
    )
    for word in words
}
_WORD = re.compile(r"\w+|\?")

Level = Annotated[int, Field(ge=1, le=7)]
Question = Literal["forward", "inverse"]
"""The question of a problem: how many there are in the end ("forward"), or how many there were at first ("inverse")."""

PARTS = ("corpus",) * 7 + ("train", "test", "ood")
"""Parts of all stories with `disjoint`: a tenth each for training, test and suites, the rest for the corpus."""
TRIES = 20_000  # stories drawn per problem before they count as exhausted: level 1 has 680 in all


class StyleWeights(Section):
    """Relative frequencies of the gold solutions' styles."""

    long: Weight = 1.0
    step: Weight = 1.0
    end: Weight = 1.0
    sums: Weight = 1.0
    verbal: Weight = 1.0
    pluses: Weight = 1.0

    @model_validator(mode="after")
    def _some(self) -> StyleWeights:
        if not any(self.model_dump().values()):
            raise ValueError("one style at least must have a weight above 0")
        return self


class Arithmetic(Task):
    """The embedded task. A problem's level is its number of events."""

    name: Literal["arithmetic"]
    data_seed: Seed = 0
    levels: Annotated[list[Level], Field(min_length=1)]
    train: Count
    """Problems of the training set D, each with one gold solution."""
    test: Count
    style_weights: StyleWeights = StyleWeights()
    disjoint: bool = False
    """No two of pretraining corpus, training set, test set and suites share a story (start, events, question), regardless of its
    names and things, and none occurs twice in the test set or in a suite. Two suites may share a story."""

    title = "made-up word problems"
    default_grader = "final_number"
    embedded = True

    @property
    def training_problems(self) -> int | None:
        return self.train

    def generated(self, split: str, levels: list[int] | None, n: int | None, question: str) -> dict[str, Any] | None:
        training = split == "train"
        return {
            "n": n or (self.train if training else self.test),
            "levels": levels or self.levels,
            "data_seed": self.data_seed,
            "style_weights": self.style_weights.model_dump() if training else {},
            "question": question,
            "disjoint": self.disjoint,
        }

    @staticmethod
    def normal_form(text: str) -> list[str]:
        """A prompt's words with names, things, days and synonyms replaced by their classes, so that a story has one form."""
        return [_NORMAL.get(word, word) for word in _WORD.findall(text)]

    def corpus_options(self) -> dict[str, Any]:
        return {"disjoint": self.disjoint}


TASK = Arithmetic


@dataclass(frozen=True)
class Event:
    """One change of the running total: `count` packs of `size` (count 1 = loose things); packs are only gained."""

    sign: int
    count: int
    size: int

    @property
    def amount(self) -> int:
        return self.count * self.size


@dataclass(frozen=True)
class Story:
    """A problem without its wording: the start and the events; its level is the number of events."""

    start: int
    events: tuple[Event, ...]

    @property
    def answer(self) -> int:
        return self.start + sum(e.sign * e.amount for e in self.events)


_Steps = Callable[[random.Random, Story], list[str]]
"""A style: story -> its equations, step by step."""


def vocabulary() -> list[str]:
    """All tokens of the task, in the order of ids: the special ones, the numbers 0..99, then words and signs."""
    words = {"has", "gets", "of", "How", "many", "now", "?", ".", "####", "+", "-", "*", "=", "plus", "minus", "is"}
    words.update(("starts", "with", "takes", "away", "adds"))
    for group in (PERSONS, PRONOUNS, DAYS, THINGS, GAINS, LOSSES, PACKS, SEPARATORS):
        words.update(group)
    words.update(w for lead in LEAD_INS for w in lead.split())
    return [PAD, EOS, UNK, *map(str, range(LARGEST_NUMBER + 1)), *sorted(words)]


def draw_story(rng: random.Random, level: int) -> Story:
    """Draw a story of `level` events (at most 7) whose running total stays within 0..40.

    No two events have the same size: a very small model finds its place in the story by the number that it used
    last, and equal sizes would make that ambiguous.
    """
    total = start = rng.randint(2, 20)
    events: list[Event] = []
    while len(events) < level:
        kind = rng.choice(("gain", "gain", "packs", "loss", "loss"))
        count = rng.randint(2, 4) if kind == "packs" else 1
        size = rng.choice([n for n in range(2, 10) if n not in {e.size for e in events}])
        event = Event(-1 if kind == "loss" else 1, count, size)
        if 0 <= total + event.sign * event.amount <= LARGEST_TOTAL:
            events.append(event)
            total += event.sign * event.amount
    return Story(start, tuple(events))


def part_of(story: Story, asked: Question) -> str:
    """The one of `PARTS` that a story with this question belongs to, decided by start, events and question.

    Names, things and synonyms don't count, so all wordings of a problem are in one part.
    """
    events = " ".join(f"{event.sign * event.count}*{event.size}" for event in story.events)
    digest = hashlib.sha256(f"{asked}/{story.start}/{events}".encode()).digest()
    return PARTS[int.from_bytes(digest[:8], "big") % len(PARTS)]


def _story_of(part: str, rng: random.Random, level: int, asked: Question, used: Collection[Story] = ()) -> Story:
    """Draw a story in `part` that is not among `used`; BadInput if `TRIES` draws give none."""
    for _ in range(TRIES):
        story = draw_story(rng, level)
        if part_of(story, asked) == part and story not in used:
            return story
    raise BadInput(
        f"task.disjoint: there are no more than {len(used)} stories of level {level} for {part}; ask for fewer problems"
    )


def question(rng: random.Random, story: Story, asked: Question = "forward") -> str:
    """The story as text, e.g. "Tom has 12 apples. Monday he buys 7. Tuesday he gets 3 bags of 4. How many apples now?".

    Inverse: "Tom has ? apples. Monday he buys 7. Tuesday he gets 3 bags of 4. now he has 31. How many apples first?".
    """
    who = rng.randrange(len(PERSONS))
    thing = rng.choice(THINGS)
    sentences = [f"{PERSONS[who]} has {'?' if asked == 'inverse' else story.start} {thing}."]
    for day, event in zip(DAYS, story.events, strict=False):
        if event.count > 1:
            deed = f"gets {event.count} {rng.choice(PACKS)} of {event.size}"
        else:
            deed = f"{rng.choice(GAINS if event.sign > 0 else LOSSES)} {event.size}"
        sentences.append(f"{day} {PRONOUNS[who]} {deed}.")
    if asked == "inverse":
        sentences.append(f"now {PRONOUNS[who]} has {story.answer}.")
    return " ".join(sentences) + f" How many {thing} {'first' if asked == 'inverse' else 'now'}?"


def solution(rng: random.Random, story: Story, style: str) -> str:
    """A correct solution in `style`, as space-separated tokens that end in "#### n".

    Operand order, multiplication or repeated addition, separators and lead-ins are drawn from `rng`.
    """
    return _worded(rng, _STEPS[style], story)


def inverse_solution(rng: random.Random, story: Story) -> str:
    """A correct solution of the inverse problem, which undoes the events one by one, from the last to the first."""
    undone = Story(story.answer, tuple(Event(-event.sign, event.count, event.size) for event in story.events))
    return _worded(rng, _undoing, undone)


def _worded(rng: random.Random, steps: _Steps, story: Story) -> str:
    lead = rng.choice(LEAD_INS)
    separator = f" {rng.choice(SEPARATORS)} "
    return f"{lead} {separator.join(steps(rng, story))} #### {story.answer}".strip()


def _product(rng: random.Random, event: Event) -> str:
    if rng.random() < 0.5:
        return f"{event.count} * {event.size}" if rng.random() < 0.5 else f"{event.size} * {event.count}"
    return " + ".join([str(event.size)] * event.count)


def _packs(rng: random.Random, events: tuple[Event, ...]) -> list[str]:
    return [f"{_product(rng, e)} = {e.amount}" for e in events if e.count > 1]


def _sign(event: Event) -> str:
    return "+" if event.sign > 0 else "-"


def _running(rng: random.Random, story: Story, order: tuple[int, ...]) -> list[str]:
    """One step per event in the given order: its day, its packs multiplied out, and the new running total."""
    steps, total = [], story.start
    for place in order:
        event = story.events[place]
        packs = "".join(f"{step} : " for step in _packs(rng, (event,)))
        after = total + event.sign * event.amount
        swap = event.sign > 0 and rng.random() < 0.5
        left, right = (event.amount, total) if swap else (total, event.amount)
        steps.append(f"{DAYS[place]} : {packs}{left} {_sign(event)} {right} = {after}")
        total = after
    return steps


def _long(rng: random.Random, story: Story) -> list[str]:
    terms = [f"{_sign(e)} {_product(rng, e) if e.count > 1 and rng.random() < 0.5 else e.amount}" for e in story.events]
    if rng.random() < 0.5:
        rng.shuffle(terms)
        terms.sort(key=lambda term: term.startswith("-"))
    return [f"{story.start} {' '.join(terms)} = {story.answer}"]


def _step(rng: random.Random, story: Story) -> list[str]:
    return _running(rng, story, tuple(range(len(story.events))))


def _end(rng: random.Random, story: Story) -> list[str]:
    total = story.start
    for event in story.events[::-1]:
        total += event.sign * event.amount
        if not 0 <= total <= LARGEST_NUMBER:  # the vocabulary has no negative numbers: take the gains first instead
            return _pluses(rng, story)
    return _running(rng, story, tuple(range(len(story.events)))[::-1])


def _undoing(rng: random.Random, undone: Story) -> list[str]:
    """The steps from a story's end to its start; `undone` has the events with opposite signs."""
    return _running(rng, undone, tuple(range(len(undone.events)))[::-1])


def _sums(rng: random.Random, story: Story) -> list[str]:
    up = [story.start, *(e.amount for e in story.events if e.sign > 0)]
    down = [e.amount for e in story.events if e.sign < 0]
    rng.shuffle(up)
    rng.shuffle(down)
    steps = _packs(rng, story.events)
    if len(up) > 1:
        steps.append(f"{' + '.join(map(str, up))} = {sum(up)}")
    if len(down) > 1:
        steps.append(f"{' + '.join(map(str, down))} = {sum(down)}")
    if down:
        steps.append(f"{sum(up)} - {sum(down)} = {story.answer}")
    return steps


def _pluses(rng: random.Random, story: Story) -> list[str]:
    gains = [place for place, event in enumerate(story.events) if event.sign > 0]
    losses = [place for place, event in enumerate(story.events) if event.sign < 0]
    if rng.random() < 0.5:
        gains.reverse()
    return _running(rng, story, (*gains, *losses))


def _verbal(rng: random.Random, story: Story) -> list[str]:
    steps, total = [f"starts with {story.start}"], story.start
    for event in story.events:
        after = total + event.sign * event.amount
        word = rng.choice(("adds", "gets")) if event.sign > 0 else rng.choice(("takes away", "loses"))
        amount = f"{_product(rng, event)} = {event.amount}" if event.count > 1 else str(event.amount)
        steps.append(f"{word} {amount} : {total} {_sign(event)} {event.amount} = {after}")
        total = after
    return steps


_STEPS: dict[str, _Steps] = {
    "long": _long,
    "step": _step,
    "end": _end,
    "sums": _sums,
    "verbal": _verbal,
    "pluses": _pluses,
}


def problems(
    split: str,
    n: int,
    levels: list[int],
    seed: int,
    style_weights: Mapping[str, float],
    asked: Question = "forward",
    disjoint: bool = False,
) -> list[dict[str, str]]:
    """`n` problems of `split`, with the levels in turn: rows of id, prompt, target, answer, level.

    The target is a gold solution whose style is drawn by `style_weights` (evenly if empty). A row is drawn from
    (seed, split, level, index), and with `disjoint`, except in a training set, repeats no story of an earlier row, so a larger
    `n` keeps the rows of a smaller one. Raises BadInput if there are too few stories.
    """
    weights = [style_weights.get(style, 0.0 if style_weights else 1.0) for style in STYLES]
    part = split.partition("/")[0]
    used: dict[int, set[Story]] = {level: set() for level in levels}
    rows = []
    for i in range(n):
        level = levels[i % len(levels)]
        rng = random.Random(f"{seed}/{split}/{level}/{i}")
        story = _story_of(part, rng, level, asked, used[level]) if disjoint else draw_story(rng, level)
        if part != "train":  # a training set may have a story with two solutions
            used[level].add(story)
        prompt = question(rng, story, asked)
        style = rng.choices(STYLES, weights)[0]
        target = inverse_solution(rng, story) if asked == "inverse" else solution(rng, story, style)
        rows.append(
            {
                "id": f"{split}-{i:05d}",
                "prompt": prompt,
                # With the space in the target, prompt + target is the text of pretraining.
                "target": f" {target}",
                "answer": str(story.start if asked == "inverse" else story.answer),
                "level": str(level),
            }
        )
    return rows


def corpus(
    n: int, levels: list[int], seed: int, equations_share: float = 0.2, inverse_share: float = 0.0, disjoint: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield `n` pretraining pairs (prompt, completion): equations, inverse problems, and problems in evenly drawn styles.

    With `disjoint`, no story is one of a training set, test set or suite of such a task.
    """
    rng = random.Random(f"{seed}/corpus")

    def story(asked: Question) -> Story:
        level = rng.choice(levels)
        return _story_of("corpus", rng, level, asked) if disjoint else draw_story(rng, level)

    for _ in range(n):
        kind = rng.random()
        if kind < equations_share:
            yield "", _bare_equation(rng)
        elif kind < equations_share + inverse_share:
            told = story("inverse")
            yield question(rng, told, "inverse"), inverse_solution(rng, told)
        else:
            told = story("forward")
            yield question(rng, told), solution(rng, told, rng.choice(STYLES))


def _bare_equation(rng: random.Random) -> str:
    a, b = rng.randint(0, LARGEST_TOTAL), rng.randint(0, LARGEST_TOTAL)
    kind = rng.randrange(3)
    if kind == 0:
        return f"{a} + {b} = {a + b}"
    if kind == 1:
        return f"{max(a, b)} - {min(a, b)} = {abs(a - b)}"
    count, size = rng.randint(2, 4), rng.randint(2, 9)
    return f"{_product(rng, Event(1, count, size))} = {count * size}"
