"""Resolve a setting: read its images, and settle what `auto` stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from foveal.attention.variant_spec import read_value
from foveal.data import Augmentation, ImageData, is_import_path, load_data
from foveal.errors import UsageError
from foveal.models.pretrained import compute_weights_checksum
from foveal.study.config import DataConfig, SharedConfig
from foveal.training import Numerics, count_cpu_cores, resolve_numerics
from foveal.user_imports import compute_source_checksum

AnySetting = TypeVar("AnySetting", bound=SharedConfig)


def get_data_config(setting: SharedConfig) -> DataConfig:
    """Return the part of a setting that says which images; settings that share it share the data."""
    return DataConfig(**{name: getattr(setting, name) for name in DataConfig.model_fields})


def load_config_data(images: DataConfig) -> ImageData:
    """Read the images of a setting.

    Raises:
        UsageError: they are not those that the config was made with.
    """
    source, options = parse_source(images.data)
    data = load_data(
        source,
        image_size=images.image_size,
        train_size=images.train_size,
        test_size=images.test_size,
        validation=images.validation,
        augmentation=Augmentation(crop=images.crop, flip=images.flip, cutout=images.cutout),
        **options,
    )
    refuse_other(images.data, "images", data.checksum, images.data_checksum)
    return data


def parse_source(text: str) -> tuple[str, dict[str, Any]]:
    """Read a source with its options, such as `scenes:clutter=0.5`; a folder is taken as it stands.

    >>> parse_source("scenes:clutter=0.5")
    ('scenes', {'clutter': 0.5})
    """
    if text.startswith("hf:") or is_import_path(text) or Path(text).exists():
        return text, {}
    name, *parts = text.split(":")
    options = {}
    for part in parts:
        option, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"Write options of data as name=value. Found {text!r}.")
        if option in DataConfig.model_fields:
            raise UsageError(f"`{option}` is an option of its own. Found {text!r}.")
        options[option] = read_value(value)
    return name, options


def refuse_other(source: str, what: str, found: str, wanted: str) -> None:
    """Refuse a source whose content is not that with which the config was made."""
    if wanted not in {"", found}:
        raise UsageError(
            f"{source} holds other {what} than the config was made with: its checksum is "
            f"{found}, and should be {wanted}."
        )


def with_numerics(setting: AnySetting, stored: Mapping[str, Any] | None) -> AnySetting:
    """Return the setting with numerics in which nothing is left open.

    What is `auto` takes the value of `stored`, the config of the same run or study if it is on disk,
    so that going on with it never probes again.
    """
    asked = {name: getattr(setting, name) for name in Numerics.model_fields}
    if stored is not None:
        open_ones = [name for name, value in asked.items() if value in ("auto", 0)]
        asked |= {name: stored[name] for name in open_ones if name in stored}
    return setting.model_copy(update=resolve_numerics(Numerics(**asked)).model_dump())


def cores_each(runs: int) -> int:
    """Return how many of this machine's cores each of so many runs has for itself."""
    return max(1, count_cpu_cores() // runs)


def with_full_paths(setting: AnySetting) -> AnySetting:
    """Return the setting with full paths, so that its record holds from anywhere."""
    update = {name: full_path(getattr(setting, name)) for name in ("data", "weights")}
    return setting.model_copy(update=update)


def full_path(source: str | None) -> str | None:
    """Return the full path of a file or folder; a name stays as it is."""
    return str(Path(source).resolve()) if source and Path(source).exists() else source


def with_checksums(setting: AnySetting, data: ImageData) -> AnySetting:
    """Return the setting with the checksums of its images and its weights."""
    update = {"data_checksum": data.checksum}
    if ":" in setting.model:
        update["model_checksum"] = compute_source_checksum(setting.model)
        wanted = setting.model_checksum
        refuse_other(setting.model, "code", update["model_checksum"], wanted)
    if setting.weights is not None:
        update["weights_checksum"] = compute_weights_checksum(Path(setting.weights))
        wanted = setting.weights_checksum
        refuse_other(setting.weights, "weights", update["weights_checksum"], wanted)
    return setting.model_copy(update=update)
