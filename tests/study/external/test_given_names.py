from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sirev.errors import BadInput
from sirev.store.provenance import now
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.external.given_names import check_unused


@pytest.mark.parametrize(
    ("settings", "whose"),
    [({}, "a recipe's"), ({"samples": {}}, "that of runs by sirev measure"), ({"models": []}, "that of runs by sirev evaluate")],
)
def test_a_name_belongs_to_the_command_that_took_it_first(settings: dict[str, Any], whose: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.runs.save(Run("own-x-s0-12345678", "own", "x", 0, 1, settings, f"{now()}-abcdef"))
    for verb in {"measure", "evaluate"} - {whose.rpartition(" ")[2]}:
        with pytest.raises(BadInput, match=f"the name 'own' is {whose}, and `sirev report own` would mean both"):
            check_unused("own", verb, store)
    check_unused("ow", "evaluate", store)
    if whose != "a recipe's":
        check_unused("own", whose.rpartition(" ")[2], store)
