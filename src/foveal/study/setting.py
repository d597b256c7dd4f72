"""Resolve a setting: read its images, and settle what `auto` stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from foveal.attention.spec import read_value
from foveal.data import Augmentation, ImageData, load_data
from foveal.errors import UsageError
from foveal.study.config import Setting
from foveal.training import Numerics, resolve

AnySetting = TypeVar("AnySetting", bound=Setting)


def read_data(setting: Setting) -> ImageData:
    """Read the images of a setting."""
    source, options = parse_source(setting.data)
    return load_data(
        source,
        train_size=setting.train_size,
        test_size=setting.test_size,
        validation=setting.validation,
        augmentation=Augmentation(crop=setting.crop, flip=setting.flip, cutout=setting.cutout),
        **options,
    )


def parse_source(text: str) -> tuple[str, dict[str, Any]]:
    """Read a source with its options, such as `scenes:clutter=0.5`; a folder is taken as it stands.

    >>> parse_source("scenes:clutter=0.5")
    ('scenes', {'clutter': 0.5})
    """
    if text.startswith("hf:") or Path(text).exists():
        return text, {}
    name, *parts = text.split(":")
    options = {}
    for part in parts:
        option, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"Write options of data as name=value. Found {text!r}.")
        options[option] = read_value(value)
    return name, options


def resolved(
    setting: AnySetting, data: ImageData, stored: Mapping[str, Any] | None = None
) -> AnySetting:
    """Return the setting with nothing left open.

    What is `auto` takes the value of `stored`, the config of the same run or study if it is on disk,
    so that going on with it never probes again.
    """
    if setting.data_checksum not in {"", data.checksum}:
        raise UsageError(
            f"{setting.data} holds other images than the config was made with: its checksum is "
            f"{data.checksum}, and should be {setting.data_checksum}."
        )
    names = Numerics.model_fields
    asked = {name: getattr(setting, name) for name in names}
    if stored is not None:
        open_ones = [name for name, value in asked.items() if value in ("auto", 0)]
        asked |= {name: stored[name] for name in open_ones if name in stored}
    numerics = resolve(Numerics(**asked))
    place = Path(setting.data)
    source = str(place.resolve()) if place.exists() else setting.data
    update = {**numerics.model_dump(), "data": source, "data_checksum": data.checksum}
    return setting.model_copy(update=update)
