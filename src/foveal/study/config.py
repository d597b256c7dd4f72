"""What a run and a study are asked to do.

One flat set of names, the same in a TOML file, on the command line and in a record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BaseModel, Field, ValidationError

from foveal.errors import UsageError
from foveal.training.numerics import Numerics
from foveal.training.recipe import Recipe

# Where the images lie is no part of what a run is: their checksum is.
PLACES = frozenset({"data"})


class Setting(Recipe, Numerics):
    """All that the runs of one study share."""

    data: str = "scenes"
    """A name (cifar10, cifar100, scenes), a folder, or hf:owner/name."""
    data_checksum: Annotated[str, Parameter(show=False)] = ""
    """Checksum of the images, filled in when they are read; where it is given, they must have it."""
    train_size: int | None = Field(default=None, ge=1)
    """Train on so many images only, the same for every run."""
    test_size: int | None = Field(default=None, ge=1)
    """Test on so many images only."""
    validation: int = Field(default=0, ge=0)
    """Hold so many further training images out."""
    crop: int = Field(default=4, ge=0)
    """Random crop after so many pixels of padding."""
    flip: bool = True
    """Random horizontal flip."""
    cutout: int = Field(default=0, ge=0)
    """Side of a random black square, in pixels."""
    model: str = "convnet"
    """The network: a name, torchvision/NAME, timm/NAME, or package.module:callable."""
    stem: Literal["imagenet", "cifar"] | None = None
    """Stem of a ResNet; by default that of CIFAR for images under 64 px."""


class RunConfig(Setting):
    """One training: a setting, a variant and a seed."""

    attention: str = "none"
    """A variant: none, or an attention module with its options after colons."""
    seed: int = Field(default=0, ge=0)
    """Seed of weights, data order and augmentation."""

    @property
    def key(self) -> str:
        """Hash of all that decides the result."""
        content = {k: v for k, v in self.model_dump().items() if k not in PLACES}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


class StudyConfig(Setting):
    """Variants x seeds in one setting."""

    attention: str = "none,channel,spatial,parallel,series"
    """The variants to compare, separated by commas; options of one follow after colons."""
    seeds: int = Field(default=3, ge=1)
    """Runs of each variant, with seeds from 0 on."""
    margin: float = Field(default=0.005, gt=0, lt=1)
    """The difference in accuracy, as a fraction, under which two variants count as equivalent."""

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants, one by one."""
        return tuple(variant.strip() for variant in self.attention.split(","))


def explained(error: ValidationError) -> UsageError:
    """Turn the first of pydantic's complaints into one of ours."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    should_be = first["msg"].removeprefix("Input should be ")
    return UsageError(
        f"Parameter `{name}` should be {should_be}. Found `{name} = {first['input']}`."
    )


def as_record(config: BaseModel) -> dict[str, Any]:
    """Return the config as TOML can hold it: without what is not set."""
    return config.model_dump(exclude_none=True, mode="json")


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Say in which options two configs differ.

    >>> differences({"epochs": 3, "data": "a"}, {"epochs": 5, "data": "b"})
    ['epochs is 3 there and 5 here']
    """
    names = [name for name in {**stored, **asked} if name not in PLACES]
    return [
        f"{name} is {stored.get(name, 'not set')} there and {asked.get(name, 'not set')} here"
        for name in names
        if stored.get(name) != asked.get(name)
    ]
