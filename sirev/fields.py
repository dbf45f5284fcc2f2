"""Base class and field types of a recipe's sections."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Warmup = Annotated[float, Field(ge=0, lt=1)]
NAME_LENGTH = 120
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=NAME_LENGTH)]
"""A part of the name of a run or a step, and so of a file name, which has 255 characters at most."""


class Section(BaseModel):
    """A part of a recipe: unknown fields are errors, and values are not coerced across types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
