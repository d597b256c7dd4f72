"""Resolved configs: canonical variant, definite numerics, absolute paths, checksums."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from foveal.attention import canonicalize_variant
from foveal.data import ImageData
from foveal.errors import UsageError
from foveal.models import compute_weights_checksum
from foveal.study.config import RunConfig, SharedConfig
from foveal.training import AUTO, Numerics, resolve_numerics
from foveal.user_imports import compute_source_checksum

Config = TypeVar("Config", bound=SharedConfig)
_AUTO_THREAD_COUNT = 0


def resolve_options(config: Config, stored: Mapping[str, Any] | None) -> Config:
    """Return the config with a canonical variant, definite numerics and absolute paths.

    An `auto` value is taken from `stored`, the record of the same run or study if it is on disk, so that
    resuming never probes the machine again.

    Raises:
        UsageError: the variant is unknown, or the machine lacks the requested device or kernels.
    """
    known = stored or {}
    requested = {name: getattr(config, name) for name in Numerics.model_fields}
    automatic = [name for name, value in requested.items() if value in (AUTO, _AUTO_THREAD_COUNT)]
    requested |= {name: known[name] for name in automatic if name in known}
    update: dict[str, Any] = resolve_numerics(Numerics(**requested)).model_dump()
    update |= {name: _make_absolute(getattr(config, name)) for name in ("data", "weights")}
    if isinstance(config, RunConfig):
        update["attention"] = canonicalize_variant(config.attention)
    return config.model_copy(update=update)


def _make_absolute(source: str | None) -> str | None:
    """Return the absolute path of an existing file or folder; other names are returned unchanged."""
    return str(Path(source).resolve()) if source and Path(source).exists() else source


def add_checksums(config: Config, data: ImageData) -> Config:
    """Return the config with the checksums of its images, its weights and a user-defined network.

    Raises:
        UsageError: a checksum in the config is of another content.
    """
    update = {"data_checksum": data.checksum}
    if ":" in config.model:
        update["model_checksum"] = checksum = compute_source_checksum(config.model)
        require_checksum(config.model, "code", checksum, config.model_checksum)
    if config.weights is not None:
        update["weights_checksum"] = checksum = compute_weights_checksum(Path(config.weights))
        require_checksum(config.weights, "weights", checksum, config.weights_checksum)
    return config.model_copy(update=update)


def require_checksum(source: str, content: str, checksum: str, expected: str) -> None:
    """Raise a UsageError if the checksum of a source is not the expected one; empty expects nothing."""
    if expected not in {"", checksum}:
        raise UsageError(
            f"{source} has other {content} than those of the config: its checksum is {checksum}, and "
            f"should be {expected}. Restore the source or start again in a new folder."
        )
