"""What a run and a study are asked to do.

One flat set of names, the same in a TOML file, on the command line and in a record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.records.design import CHECKSUM_OPTIONS, PATH_OPTIONS
from foveal.training import Numerics, Recipe

Hidden = Parameter(show=False)


class DataConfig(BaseModel):
    """Which images are trained and tested on, and how they are varied."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    data: str = "scenes"
    """A name (cifar10, cifar100, scenes), a folder, hf:owner/name, or package.module:callable."""
    data_checksum: Annotated[str, Hidden] = ""
    """Checksum of the images."""
    image_size: int | None = Field(default=None, ge=1)
    """Scale the images of a folder to so many pixels a side."""
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


class ModelConfig(BaseModel):
    """Which network is trained, and from where on."""

    model: str = "convnet"
    """The network: a name, torchvision/NAME, timm/NAME, or package.module:callable."""
    stem: Literal["imagenet", "cifar"] | None = None
    """Stem of a ResNet; by default that of CIFAR for images under 64 px."""
    weights: str | None = None
    """File of weights to start from, .safetensors or of torch.save; nothing is unpickled."""
    weights_from: Literal["foveal", "torchvision", "timm", "official"] = "foveal"
    """Whose names the weights have."""
    weights_checksum: Annotated[str, Hidden] = ""
    """Checksum of the weights."""
    model_checksum: Annotated[str, Hidden] = ""
    """Checksum of the file in which a network of the user's own stands."""
    start: Literal["paper", "identity"] = "paper"
    """How a gate starts: as in its paper, or leaving the network's output as it was."""
    gate_learning_rate: float | None = Field(default=None, gt=0)
    """A learning rate of the gates' own."""
    freeze_backbone: bool = False
    """Train the gates and the last layer alone."""


class SharedConfig(DataConfig, ModelConfig, Recipe, Numerics):
    """All that the runs of one study share."""


class RunConfig(SharedConfig):
    """One training: a setting, a variant and a seed."""

    attention: str = "none"
    """A variant: none, or an attention module with its options after colons."""
    seed: int = Field(default=0, ge=0)
    """Seed of weights, data order and augmentation."""

    @property
    def key(self) -> str:
        """Hash of all that decides the result."""
        content = {k: v for k, v in self.model_dump().items() if k not in PATH_OPTIONS}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


class StudyConfig(SharedConfig):
    """Variants x seeds, in one setting or in each of a grid."""

    attention: str = "none,channel,spatial,parallel,series"
    """The variants to compare, separated by commas; options of one follow after colons."""
    seeds: int = Field(default=3, ge=1)
    """Runs of each variant, with seeds from 0 on."""
    margin: float | None = Field(default=None, gt=0, lt=100)
    """The difference in points under which two variants count as equivalent; 0.5 in a new study."""
    se: bool = False
    """Control: squeeze and excitation, attention that is known to help where any does."""
    wide: bool = False
    """Control: for each variant the plain network with as many parameters."""
    same_time: bool = False
    """Control: for each variant the plain network trained for as long as the variant takes."""
    grid: dict[str, Any] = Field(default_factory=dict)
    """Repeat the study for each value of an option, as in --grid.model convnet,resnet18."""

    @field_validator("grid")
    @classmethod
    def check_grid(cls, grid: dict[str, Any]) -> dict[str, list[Any]]:
        """Read the values of each option of the grid as that option reads them."""
        return {
            name.replace("-", "_"): grid_values(name.replace("-", "_"), values)
            for name, values in grid.items()
        }

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that were named, one by one."""
        return tuple(variant.strip() for variant in self.attention.split(","))


def grid_values(option: str, values: object) -> list[Any]:
    """Return the values that an option of a grid takes: a list, or words separated by commas.

    >>> grid_values("learning_rate", "0.1,0.05")
    [0.1, 0.05]
    """
    choices = sorted(set(SharedConfig.model_fields) - set(Numerics.model_fields) - CHECKSUM_OPTIONS)
    if option not in choices:
        raise unknown_name("option for a grid", option, choices)
    if isinstance(values, str):
        values = values.split(",")
    found = values if isinstance(values, list) else [values]
    read = [getattr(SharedConfig.model_validate({option: value}), option) for value in found]
    if not read or len({json.dumps(value) for value in read}) < len(read):
        raise bad_parameter(f"grid.{option}", "a list of different values", found)
    return read


def to_usage_error(error: ValidationError) -> UsageError:
    """Turn the first of pydantic's complaints into one of ours."""
    first = error.errors()[0]
    own = first.get("ctx", {}).get("error")
    if isinstance(own, UsageError):
        return own
    name = ".".join(map(str, first["loc"]))
    should_be = first["msg"].removeprefix("Input should be ")
    return UsageError(
        f"Parameter `{name}` should be {should_be}. Found `{name} = {first['input']}`."
    )


def as_record(config: BaseModel) -> dict[str, Any]:
    """Return the config as TOML can hold it: without what is not set."""
    return config.model_dump(exclude_none=True, mode="json")


def shared(setting: SharedConfig) -> dict[str, Any]:
    """Return what all runs of a setting have in common."""
    record = as_record(setting)
    return {name: record[name] for name in SharedConfig.model_fields if name in record}


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Say in which options two configs differ.

    >>> differences({"epochs": 3, "data": "a"}, {"epochs": 5, "data": "b"})
    ['epochs is 3 there and 5 here']
    """
    names = [name for name in {**stored, **asked} if name not in PATH_OPTIONS]
    return [
        f"{name} is {stored.get(name, 'not set')} there and {asked.get(name, 'not set')} here"
        for name in names
        if stored.get(name) != asked.get(name)
    ]
