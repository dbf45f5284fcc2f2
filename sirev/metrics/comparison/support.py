"""Support: the problems that M_1 and M_t can solve at all, and which of them are lost, kept and won (arXiv 2507.14843)."""

from __future__ import annotations

import numpy as np

from sirev.metrics.families.accuracy import NO_DRAWS
from sirev.metrics.families.family import Tree
from sirev.metrics.families.measures import Measures, counts
from sirev.metrics.pass_at_n import pass_at_n_table
from sirev.metrics.sheet import Sheet
from sirev.metrics.statistic import absent


def support(sheet: Sheet, first: Measures, later: Measures, is_first: bool) -> Tree:
    r"""Shrinkage |S(M_1) \ S(M_t)|, expansion |S(M_t) \ S(M_1)| and retention |S(M_1) and S(M_t)| / |S(M_1)|.

    S is the set of problems with a right one among k draws (Wu et al. 2025, "The Invisible Leash", arXiv 2507.14843); k is the
    largest number of draws that every problem has for both models. A problem with more draws is in S with probability pass@k, and
    sizes are expected ones. Retention is a `Statistic`: with Clopper-Pearson's interval given S(M_1) where every problem has k
    draws, else with the bootstrap's.
    """
    if first.draws is None or later.draws is None:
        return _none(NO_DRAWS)
    if is_first:
        return _none("M_1 is not compared with itself")
    both = [counts(rows, sheet.n) for rows in (first.draws, later.draws)]
    k = int(min(n.min() for n, _ in both))
    if not k:
        return _none(NO_DRAWS)
    was, now = (pass_at_n_table(n, right, [k])[:, 0] for n, right in both)
    none = "M_1 solves no problem"
    if np.isin(was, (0.0, 1.0)).all():
        retention = sheet.mean(np.where(was == 1.0, now, np.nan), none)
    else:
        retention = sheet.derived(lambda top, bottom: top / bottom, [sheet.mean(was * now, none), sheet.mean(was, none)], none)
    return {
        "k": k,
        "first": float(was.sum()),
        "later": float(now.sum()),
        "shrinkage": float((was * (1.0 - now)).sum()),
        "expansion": float((now * (1.0 - was)).sum()),
        "retention": retention,
        "reason": None,
    }


def _none(reason: str) -> Tree:
    sizes = dict.fromkeys(("k", "first", "later", "shrinkage", "expansion"))
    return {**sizes, "retention": absent(reason), "reason": reason}
