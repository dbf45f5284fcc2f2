"""How often verdicts and claims are right, in simulated studies of the paper's sizes and effects.

    python benchmarks/verdicts.py [--studies N] [--claims N]

The latent-skill model is that of `tests/metrics/simulated_studies.py`. Three methods a study; variety is left out, since it fell
everywhere in arXiv 2407.05013 and would make every rise a reversal. What M_T's pass@32 was there is not known: B is varied.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sirev.metrics.study_verdict import possible
from tests.metrics.simulated_studies import (
    ALGEBRA,
    CSQA,
    GSM8K,
    MATH,
    MBPP,
    NEAR,
    NOTHING,
    Claimed,
    Effect,
    Truth,
    World,
    at_32,
    by_plain_margin,
    claimed,
    effect,
    in_one_word,
    margin_of,
    off_the_ceiling,
    one_study,
    shares,
    shifted,
    within_method,
)

WORLDS = {"GSM8K": GSM8K, "MATH": MATH, "MBPP": MBPP, "CSQA": CSQA, "pass@32 of 92 %": NEAR}
CHANGES = (["progress"], ["reversal"], ["regress"])
GSM8K_PAPER = ((0.047, -0.035), (0.092, 0.025), (0.096, -0.032))
"""Mistral 7B's changes of pass@1 and of MATH algebra by SFT, DPO and SFT-DPO."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=500, help="of one seed, a row")
    parser.add_argument("--claims", type=int, default=60, help="studies of three seeds, a row")
    asked = parser.parse_args()
    null(asked.studies)
    margins(asked.studies)
    power(asked.studies)
    headline(asked.studies)
    pooled(asked.claims)


def null(studies: int) -> None:
    print("\n| nothing changed | a change is named | with Holm within a method | no change is excluded | verdicts |")
    print("| --- | --- | --- | --- | --- |")
    for name, world in WORLDS.items():
        method = Truth(NOTHING, NOTHING if world is GSM8K else None)
        found = [one_study(seed, world, [method] * 3) for seed in range(studies)]
        alone = [[possible(one, variety_counts=False) for one in within_method(study)] for study in found]
        named = sum(any(words in CHANGES for words in study.words) for study in found)
        named_alone = sum(any(words in CHANGES for words in words_of) for words_of in alone)
        excluded = sum(any("no change" not in words for words in study.words) for study in found)
        said = [in_one_word(words) for study in found for words in study.words]
        rates = " | ".join(f"{100 * count / studies:.1f} %" for count in (named, named_alone, excluded))
        print(f"| {name} | {rates} | {_said(said)} |", flush=True)


def margins(studies: int) -> None:
    print(
        "\n| a change of the margin | margin of B | B held | A +3: no change | A -3: no change |\n| --- | --- | --- | --- | --- |"
    )
    for name, world in WORLDS.items():
        margin = margin_of(world)
        truths = [effect(world, 0.0, -margin), shifted(world, 0.03), shifted(world, -0.03)]
        found = [[one_study(seed, world, [Truth(one)]) for seed in range(studies)] for one in truths]
        held = sum(study.outcomes[0]["pass_at_n"]["is"] == "held" for study in found[0])
        same = [sum(study.words[0] == ["no change"] for study in of) for of in found[1:]]
        rates = " | ".join(f"{100 * count / studies:.1f} %" for count in (held, *same))
        print(f"| {name} | {100 * margin:.1f} points | {rates} |", flush=True)


def power(studies: int) -> None:
    print("\n| effect (points) | verdicts | B is |\n| --- | --- | --- |")
    for b in (0.0, -0.01, -0.02, -0.05):
        truths = [Truth(effect(GSM8K, a, b), shifted(ALGEBRA, c)) for a, c in GSM8K_PAPER]
        _rows("GSM8K", GSM8K, truths, [f"A {100 * a:+.1f}, B {100 * b:+.1f}, C {100 * c:+.1f}" for a, c in GSM8K_PAPER], studies)
    for name, world, rises, falls in (
        ("CSQA", CSQA, (0.038, 0.064, 0.058), (0.0, -0.02)),
        ("MATH", MATH, (0.011, 0.013, 0.036), (0.0, -0.03)),
        ("MBPP", MBPP, (-0.020, 0.014, 0.10), (0.0, -0.03, -0.05)),
    ):
        for b in falls:
            truths = [Truth(effect(world, a, b)) for a in rises]
            _rows(
                name,
                world,
                truths,
                [f"A {100 * a:+.1f}, B {100 * b:+.1f}" for a in rises],
                studies if world is not MATH else studies // 2,
            )


def _rows(name: str, world: World, truths: Sequence[Truth], labels: Sequence[str], studies: int) -> None:
    found = [one_study(seed, world, truths) for seed in range(studies)]
    for i, label in enumerate(labels):
        said = _said([in_one_word(study.words[i]) for study in found])
        print(f"| {name}: {label} | {said} | {_said([study.outcomes[i]['pass_at_n']['is'] for study in found])} |", flush=True)


def headline(studies: int) -> None:
    print(
        "\n| pass@N near the ceiling | relative margin, N = 32 | plain margin, M_1's pass@N at most 90 % |\n| --- | --- | --- |"
    )
    for name, world, a in (("GSM8K", GSM8K, 0.092), ("CSQA", CSQA, 0.064), ("pass@32 of 92 %", NEAR, 0.05)):
        unsolved = 1 - world.first[1]
        cases: list[tuple[str, Effect]] = [("nothing changed", NOTHING)]
        cases += [(f"A {100 * a:+.1f}, unsolved x {k}", effect(world, a, -(k - 1) * unsolved)) for k in (1, 1.5, 2, 2.5)]
        for label, one in cases:
            near = [one_study(seed, world, [Truth(one)] * 3, at_32) for seed in range(studies // 2)]
            off = [one_study(seed, world, [Truth(one)] * 3, off_the_ceiling) for seed in range(studies // 2)]
            of_near = [outcomes["pass_at_n"]["is"] for study in near for outcomes in study.outcomes]
            of_off = [by_plain_margin(outcomes) for study in off for outcomes in study.outcomes]
            print(f"| {name}: {label} | {_said(of_near)} | {_said(of_off)} |", flush=True)


def pooled(studies: int) -> None:
    print("\n| three seeds, spread of A over seeds | claims | three equal verdicts |\n| --- | --- | --- |")
    for spread in (0.0, 0.01, 0.02):
        for name, world in (("GSM8K", GSM8K), ("MBPP", MBPP)):
            there = shifted(ALGEBRA, 0.0, spread) if world is GSM8K else None
            found = [claimed(seed, world, [Truth(shifted(world, 0.0, spread), there)] * 3) for seed in range(studies)]
            false = sum(any(one.claim not in (None, "no change") for one in study) for study in found)
            false_unanimous = sum(any(one.unanimous not in (None, "no change") for one in study) for study in found)
            label = f"{name}: nothing changed on average, {100 * spread:.0f} points"
            print(
                f"| {label}: a change is claimed in | {_share(false, studies)} | {_share(false_unanimous, studies)} |", flush=True
            )
            _claims(f"{name}: nothing, {100 * spread:.0f} points", [one for study in found for one in study])
        truths = [Truth(effect(GSM8K, a, 0.0, spread), shifted(ALGEBRA, c, spread)) for a, c in GSM8K_PAPER]
        found = [claimed(seed, GSM8K, truths) for seed in range(studies)]
        for i, (a, c) in enumerate(GSM8K_PAPER):
            _claims(f"GSM8K: A {100 * a:+.1f}, C {100 * c:+.1f}, {100 * spread:.0f} points", [study[i] for study in found])
        found = [claimed(seed, GSM8K, [Truth(shifted(GSM8K, a, spread)) for a in (0.03, -0.03)]) for seed in range(studies)]
        for i, a in enumerate((3, -3)):
            _claims(f"GSM8K: A {a:+d}, {100 * spread:.0f} points", [study[i] for study in found])


def _claims(label: str, found: Sequence[Claimed]) -> None:
    unanimous = _said([one.unanimous or "none" for one in found])
    print(f"| {label} | {_said([in_one_word(one.possible) for one in found])} | {unanimous} |", flush=True)


def _said(words: Sequence[str]) -> str:
    """Each word with its share in %, the most frequent first."""
    return ", ".join(f"{word} {100 * share:.0f}" for word, share in shares(words).items() if share >= 0.005)


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} %"


if __name__ == "__main__":
    main()
