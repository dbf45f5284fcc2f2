from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from sirev.errors import BadInput
from sirev.recipe import load_recipe


def refused(**request: object) -> str:
    with pytest.raises(BadInput) as caught:
        sirev.iterate("tiny_smoke", **request)  # type: ignore[arg-type]
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_bad_requests_are_one_clear_line_and_make_no_store(tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert "did you mean 'sft'" in refused(methods=["stf"], store=store)
    assert "has no method 'dpo'" in refused(methods=["dpo"], overrides=["methods=[sft]", "training.dpo=null"], store=store)
    assert "unknown stage 'trian'; did you mean 'train'" in refused(redo=["trian"], store=store)
    assert "--redo 2:tran: unknown stage 'tran'; did you mean 'train'" in refused(redo=["2:tran"], store=store)
    assert "--redo 0:train: these runs have no such step (train has t = 1, 2, 3" in refused(redo=["0:train"], store=store)
    assert "t from 0 to 3" in refused(redo=["train:9"], store=store)
    assert "STAGE or t:STAGE" in refused(redo=["train:x"], store=store)
    assert "seed -1" in refused(seeds=[-1], store=store)
    assert "no method or no seed" in refused(seeds=[], store=store)
    assert not store.exists()


def test_overrides_do_not_go_with_a_loaded_recipe() -> None:
    with pytest.raises(BadInput, match="loaded recipe"):
        sirev.iterate(load_recipe("tiny_smoke"), overrides=["T=3"])
