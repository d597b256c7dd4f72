"""Images of a config: loaded from the source that its options name."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from foveal.attention.variant_spec import parse_value
from foveal.data import Augmentation, ImageData, is_import_path, list_data_names, load_data
from foveal.data.sources import find_source
from foveal.errors import UsageError
from foveal.study.config import DataConfig
from foveal.study.resolved_config import require_checksum


def load_config_data(config: DataConfig) -> ImageData:
    """Return the images of a config.

    Raises:
        UsageError: there is no such source, or its images have another checksum than in the config.
    """
    source, options = _parse_data_source(config.data)
    data = load_data(
        source,
        image_size=config.image_size,
        train_size=config.train_size,
        test_size=config.test_size,
        validation=config.validation,
        augmentation=Augmentation(crop=config.crop, flip=config.flip, cutout=config.cutout),
        **options,
    )
    require_checksum(config.data, "images", data.checksum, config.data_checksum)
    return data


def require_data_source(config: DataConfig) -> None:
    """Raise UsageError if the images of a config cannot be found; nothing is loaded or downloaded."""
    source, _ = _parse_data_source(config.data)
    if source not in list_data_names() and not source.startswith("hf:"):
        find_source(source, image_size=config.image_size)


def load_shared_data(config: DataConfig) -> ImageData:
    """Return the images of a config, loaded once for all runs of this process."""
    options = {name: getattr(config, name) for name in DataConfig.model_fields}
    return _load_cached_data(DataConfig(**options))


@lru_cache(maxsize=2)
def _load_cached_data(config: DataConfig) -> ImageData:
    """Return the images of a config; the options of its training are no part of the key."""
    return load_config_data(config)


def _parse_data_source(text: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of a source such as `scenes:clutter=0.5`; a path has no options.

    >>> _parse_data_source("scenes:clutter=0.5")
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
            raise UsageError(
                f"Use the option --{option.replace('_', '-')} instead. Found {text!r}."
            )
        options[option] = parse_value(value)
    return name, options
