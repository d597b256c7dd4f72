"""Options of a run and of a study.

The names are the same in a TOML file, on the command line and in a record.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.records.design import CHECKSUM_OPTIONS, PATH_OPTIONS
from foveal.training import Numerics, Recipe
from foveal.variant_names import BASELINE

_HIDDEN_PARAMETER: Final = Parameter(show=False)


class DataConfig(BaseModel):
    """Images for training and testing, and their augmentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    data: str = "scenes"
    """Data set: a name (cifar10, cifar100, scenes), a folder, hf:owner/name, or package.module:callable."""
    data_checksum: Annotated[str, _HIDDEN_PARAMETER] = ""
    """Checksum of the images."""
    image_size: int | None = Field(default=None, ge=1)
    """Resize the images of a folder to this many pixels per side."""
    train_size: int | None = Field(default=None, ge=1)
    """Number of training images, the same ones for every run; by default all."""
    test_size: int | None = Field(default=None, ge=1)
    """Number of test images; by default all."""
    validation: int = Field(default=0, ge=0)
    """Number of training images that are held out."""
    crop: int = Field(default=4, ge=0)
    """Padding of the random crop, in pixels."""
    flip: bool = True
    """Random horizontal flip."""
    cutout: int = Field(default=0, ge=0)
    """Side of a random black square, in pixels."""


class _ModelConfig(BaseModel):
    """Network, initial weights and gates."""

    model: str = "convnet"
    """Network: a name, torchvision/NAME, timm/NAME, or package.module:callable."""
    stem: Literal["imagenet", "cifar"] | None = None
    """Stem of a ResNet; by default cifar for images under 64 px."""
    weights: str | None = None
    """File of initial weights, .safetensors or of torch.save; nothing is unpickled."""
    weights_from: Literal["foveal", "torchvision", "timm", "official"] = "foveal"
    """Library whose parameter names the weights have."""
    weights_checksum: Annotated[str, _HIDDEN_PARAMETER] = ""
    """Checksum of the weights."""
    model_checksum: Annotated[str, _HIDDEN_PARAMETER] = ""
    """Checksum of the source file of a user-defined network."""
    start: Literal["paper", "identity"] = "paper"
    """Initial state of a gate: as in its paper, or without effect on the network's output."""
    gate_learning_rate: float | None = Field(default=None, gt=0)
    """Learning rate of the gates; by default that of the network."""
    freeze_backbone: bool = False
    """Train only the gates and the last layer."""


class SharedConfig(DataConfig, _ModelConfig, Recipe, Numerics):
    """Options that all runs of a study share."""


class RunConfig(SharedConfig):
    """Options of one run: shared options, a variant and a seed."""

    attention: str = BASELINE
    """Variant: none, or an attention module with its options after colons."""
    seed: int = Field(default=0, ge=0)
    """Seed of weights, data order and augmentation."""

    @property
    def key(self) -> str:
        """Hash of the options that determine the result and differ from their defaults.

        Later versions may thus add options. Paths are left out, because files may move.
        """
        options = self.model_dump(exclude_defaults=True, exclude=set(PATH_OPTIONS))
        return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def key_without_seed(self) -> str:
        """Hash that the runs of one variant in one cell share."""
        return self.model_copy(update={"seed": 0}).key


class StudyConfig(SharedConfig):
    """Options of a study: variants x seeds, in one cell or in each cell of a grid."""

    attention: str = "none,channel,spatial,bam,cbam"
    """Variants to compare, separated by commas; options of a variant follow after colons."""
    seeds: int = Field(default=5, ge=1)
    """Number of runs per variant, one per seed."""
    first_seed: int = Field(default=0, ge=0)
    """First of the consecutive seeds; 100 repeats a study of up to 100 seeds with new ones."""
    until_decided: bool = False
    """Train seed by seed, and stop each variant as soon as its verdict holds."""
    max_seeds: int = Field(default=20, ge=4)  # the first look; importing it is slow
    """Seeds per variant at which --until-decided stops at the latest."""
    futility: bool = True
    """With --until-decided, stop a variant also where a verdict has become unlikely."""
    margin: float | None = Field(default=None, gt=0, lt=100)
    """Difference in points below which variants count as equivalent; 0.5 in a new study."""
    se: bool = False
    """Control: squeeze-and-excitation, an attention module known to help."""
    wide: bool = False
    """Control: for each variant, the plain network with as many parameters."""
    same_time: bool = False
    """Control: for each variant, the plain network trained for as long as the variant takes."""
    grid: dict[str, Any] = Field(default_factory=dict)
    """Repeat the study for each value of an option, for example --grid.model convnet,resnet18."""

    @field_validator("grid")
    @classmethod
    def parse_grid(cls, grid: dict[str, Any]) -> dict[str, list[Any]]:
        """Return the values of each option of the grid, parsed like the option."""
        options = {name.replace("-", "_"): values for name, values in grid.items()}
        return {name: _parse_grid_values(name, values) for name, values in options.items()}

    @property
    def seed_count(self) -> int:
        """Largest number of runs per variant."""
        return self.max_seeds if self.until_decided else self.seeds

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants as they were typed."""
        return tuple(variant.strip() for variant in self.attention.split(","))


def _parse_grid_values(option: str, values: object) -> list[Any]:
    """Return the values of an option of a grid, given as a list or as text separated by commas.

    >>> _parse_grid_values("learning_rate", "0.1,0.05")
    [0.1, 0.05]
    """
    choices = sorted(set(SharedConfig.model_fields) - set(Numerics.model_fields) - CHECKSUM_OPTIONS)
    if option not in choices:
        raise unknown_name("option for a grid", option, choices)
    if isinstance(values, str):
        values = values.split(",")
    raw_values = values if isinstance(values, list) else [values]
    parsed = [getattr(SharedConfig.model_validate({option: raw}), option) for raw in raw_values]
    if not parsed or len({json.dumps(value) for value in parsed}) < len(parsed):
        raise bad_parameter(f"grid.{option}", "a list of different values", raw_values)
    return parsed


def expand_grid(config: SharedConfig, grid: Mapping[str, list[Any]]) -> Iterator[SharedConfig]:
    """Yield the config with every combination of the values of a grid.

    >>> configs = expand_grid(SharedConfig(), {"model": ["convnet"], "epochs": [1, 2]})
    >>> [(config.model, config.epochs) for config in configs]
    [('convnet', 1), ('convnet', 2)]
    """
    for values in itertools.product(*grid.values()):
        yield config.model_copy(update=dict(zip(grid, values, strict=True)))


def to_usage_error(error: ValidationError) -> UsageError:
    """Return the first error of pydantic in foveal's form."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UsageError):
        return cause
    name = ".".join(map(str, first["loc"]))
    should_be = first["msg"].removeprefix("Input should be ")
    return UsageError(
        f"Parameter `{name}` should be {should_be}. Found `{name} = {first['input']}`."
    )


def config_to_dict(config: BaseModel) -> dict[str, Any]:
    """Return the options as TOML values, without those that are not set."""
    return config.model_dump(exclude_none=True, mode="json")


def shared_config_to_dict(config: SharedConfig) -> dict[str, Any]:
    """Return the options that all runs share as TOML values, without those that are not set."""
    record = config_to_dict(config)
    return {name: record[name] for name in SharedConfig.model_fields if name in record}


def list_differences(stored: Mapping[str, Any], requested: Mapping[str, Any]) -> list[str]:
    """Return the options that differ between a stored and a requested record, except paths.

    >>> list_differences({"epochs": 3, "data": "a"}, {"epochs": 5, "data": "b"})
    ['epochs is 3 there and 5 here']
    """
    names = [name for name in {**stored, **requested} if name not in PATH_OPTIONS]
    return [
        f"{name} is {stored.get(name, 'not set')} there and {requested.get(name, 'not set')} here"
        for name in names
        if stored.get(name) != requested.get(name)
    ]
