"""pretrain: the embedded recipe's base model M0, from random weights; one for all seeds of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sirev.stages.model import model_files
from sirev.stages.stage import Context, Stage, operational, semantic
from sirev.store.artifacts import Artifact, Output


@dataclass(frozen=True)
class ArchitectureParameters:
    """Sizes of the embedded Llama; see `sirev.recipe.Architecture`."""

    hidden_size: int = semantic()
    intermediate_size: int = semantic()
    layers: int = semantic()
    heads: int = semantic()
    kv_heads: int = semantic()
    head_dim: int = semantic()
    initializer_range: float = semantic()
    rope_theta: float = semantic()


@dataclass(frozen=True)
class PretrainParameters:
    """Sizes of the model and how long it learns; see `sirev.recipe.Pretrain`."""

    architecture: ArchitectureParameters = semantic()
    sequences: int = semantic()
    levels: list[int] = semantic()
    equations_share: float = semantic()
    batch_size: int = semantic()
    learning_rate: float = semantic()
    warmup: float = semantic()
    seed: int = semantic()
    threads: int = operational(default=1)


def run(parameters: PretrainParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """Weights and tokenizer of M0 as a model folder."""
    out = context.scratch / "model"
    out.mkdir()
    result = context.call(
        "trainer",
        "sirev.trainers.pretrain:pretrain",
        {**asdict(parameters), "out": str(out)},
        lambda event: context.progress(event["step"], event["steps"], "steps"),
    )
    return Output(files=model_files(out), provenance={"log": result["log"]})


STAGE = Stage("pretrain", 1, PretrainParameters, run, place=50, makes_model=True, long=True)
