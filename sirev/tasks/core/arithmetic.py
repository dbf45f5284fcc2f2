"""The embedded task: short word problems about a running total, each solvable in six styles.

Everything is made here from a seed: problems, gold solutions, the pretraining corpus and the word-level
tokenizer's vocabulary. Styles differ in how reliably a very small model carries them out, so a model that
trains on its own correct answers drifts towards the reliable ones and forgets the others: the
self-improvement reversal in miniature.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sirev.fields import Count, Section, Seed, Weight
from sirev.tasks.task import Task

LARGEST_NUMBER = 99  # numbers 0..99 are one token each; nothing a solution writes may exceed it
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

Level = Annotated[int, Field(ge=1, le=7)]


class StyleWeights(Section):
    """How often the gold solutions use each style of working."""

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

    title = "made-up word problems"
    default_grader = "final_number"
    embedded = True

    @property
    def training_problems(self) -> int | None:
        return self.train

    def generated(self, split: str, levels: list[int] | None, n: int | None) -> dict[str, Any] | None:
        training = split == "train"
        return {
            "n": n or (self.train if training else self.test),
            "levels": levels or self.levels,
            "data_seed": self.data_seed,
            "style_weights": self.style_weights.model_dump() if training else {},
        }


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
    """A problem before it is worded: the start and the events; its level is the number of events."""

    start: int
    events: tuple[Event, ...]

    @property
    def answer(self) -> int:
        return self.start + sum(e.sign * e.amount for e in self.events)


def vocabulary() -> list[str]:
    """All tokens of the task, in id order: the special ones, the numbers 0..99, then words and signs."""
    words = {"has", "gets", "of", "How", "many", "now", "?", ".", "####", "+", "-", "*", "=", "plus", "minus", "is"}
    words.update(("starts", "with", "takes", "away", "adds"))
    for group in (PERSONS, PRONOUNS, DAYS, THINGS, GAINS, LOSSES, PACKS, SEPARATORS):
        words.update(group)
    words.update(w for lead in LEAD_INS for w in lead.split())
    return [PAD, EOS, UNK, *map(str, range(LARGEST_NUMBER + 1)), *sorted(words)]


def draw_story(rng: random.Random, level: int) -> Story:
    """A story of `level` events (at most 7) whose running total stays within 0..40.

    No two events are of the same size: a very small model finds its place in the story by the number that it
    used last, and equal sizes would make that ambiguous.
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


def question(rng: random.Random, story: Story) -> str:
    """The story in words, e.g. "Tom has 12 apples. Monday he buys 7. Tuesday he gets 3 bags of 4. How many apples now?"."""
    who = rng.randrange(len(PERSONS))
    thing = rng.choice(THINGS)
    sentences = [f"{PERSONS[who]} has {story.start} {thing}."]
    for day, event in zip(DAYS, story.events, strict=False):
        if event.count > 1:
            deed = f"gets {event.count} {rng.choice(PACKS)} of {event.size}"
        else:
            deed = f"{rng.choice(GAINS if event.sign > 0 else LOSSES)} {event.size}"
        sentences.append(f"{day} {PRONOUNS[who]} {deed}.")
    return " ".join(sentences) + f" How many {thing} now?"


def solution(rng: random.Random, story: Story, style: str) -> str:
    """A correct solution in `style`, space-separated tokens ending in "#### n".

    Operand order, multiplication or repeated addition, separators and lead-ins are drawn from `rng`.
    """
    lead = rng.choice(LEAD_INS)
    separator = f" {rng.choice(SEPARATORS)} "
    text = separator.join(_STEPS[style](rng, story))
    return f"{lead} {text} #### {story.answer}".strip()


def _product(rng: random.Random, event: Event) -> str:
    if rng.random() < 0.5:
        return f"{event.count} * {event.size}" if rng.random() < 0.5 else f"{event.size} * {event.count}"
    return " + ".join([str(event.size)] * event.count)


def _packs(rng: random.Random, events: tuple[Event, ...]) -> list[str]:
    return [f"{_product(rng, e)} = {e.amount}" for e in events if e.count > 1]


def _sign(event: Event) -> str:
    return "+" if event.sign > 0 else "-"


def _running(rng: random.Random, story: Story, order: tuple[int, ...]) -> list[str]:
    """A step an event in the given order: its day, its packs multiplied out, the running total continued."""
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
        if not 0 <= total <= LARGEST_NUMBER:  # no negative numbers in the vocabulary: take the gains first instead
            return _pluses(rng, story)
    return _running(rng, story, tuple(range(len(story.events)))[::-1])


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


_STEPS: dict[str, Callable[[random.Random, Story], list[str]]] = {
    "long": _long,
    "step": _step,
    "end": _end,
    "sums": _sums,
    "verbal": _verbal,
    "pluses": _pluses,
}


def problems(split: str, n: int, levels: list[int], seed: int, style_weights: Mapping[str, float]) -> list[dict[str, str]]:
    """`n` problems of `split`, levels in turn: rows of id, prompt, target, answer, level.

    Target is a gold solution, its style drawn by `style_weights` (evenly if empty). Every row is drawn from
    (seed, split, level, index) alone, so a larger `n` keeps the rows of a smaller one.
    """
    weights = [style_weights.get(style, 0.0 if style_weights else 1.0) for style in STYLES]
    rows = []
    for i in range(n):
        level = levels[i % len(levels)]
        rng = random.Random(f"{seed}/{split}/{level}/{i}")
        story = draw_story(rng, level)
        prompt = question(rng, story)
        style = rng.choices(STYLES, weights)[0]
        rows.append(
            {
                "id": f"{split}-{i:05d}",
                "prompt": prompt,
                # The space belongs to the target: prompt + target is then the text that the model learned from.
                "target": " " + solution(rng, story, style),
                "answer": str(story.answer),
                "level": str(level),
            }
        )
    return rows


def corpus(n: int, levels: list[int], seed: int, equations_share: float = 0.2) -> Iterator[tuple[str, str]]:
    """`n` pretraining pairs (prompt, completion): bare equations, and problems with styles drawn evenly."""
    rng = random.Random(f"{seed}/corpus")
    for _ in range(n):
        if rng.random() < equations_share:
            yield "", _bare_equation(rng)
            continue
        story = draw_story(rng, rng.choice(levels))
        yield question(rng, story), solution(rng, story, rng.choice(STYLES))


def _bare_equation(rng: random.Random) -> str:
    a, b = rng.randint(0, LARGEST_TOTAL), rng.randint(0, LARGEST_TOTAL)
    kind = rng.randrange(3)
    if kind == 0:
        return f"{a} + {b} = {a + b}"
    if kind == 1:
        return f"{max(a, b)} - {min(a, b)} = {abs(a - b)}"
    count, size = rng.randint(2, 4), rng.randint(2, 9)
    return f"{_product(rng, Event(1, count, size))} = {count * size}"
