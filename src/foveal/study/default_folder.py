"""Default folder of a run or a study: the same for the same command, on every day."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from foveal.attention import canonicalize_variant
from foveal.records.design import PATH_OPTIONS
from foveal.study.config import RunConfig, StudyConfig
from foveal.study.variants import resolve_variants

_KEY_LENGTH: Final = 4
_MAX_NAME_LENGTH: Final = 40
_LISTED_SEPARATELY: Final = frozenset({"attention", "se", "wide", "same_time"})
_CHANGES_NO_RUN: Final = frozenset({"seeds", "margin"})
"""Options of a study that may change later: the same runs and some more."""


def choose_default_folder(config: RunConfig | StudyConfig) -> Path:
    """Return `runs/DATA-MODEL-KEY` of a run or a study, relative to the current folder.

    KEY has four characters of a hash of the variants and all options that differ from their defaults, as
    they were typed: `auto` stays `auto`, so that no probe of the machine matters. The number of seeds and the
    margin of a study are left out: with others, the same study continues.

    Raises:
        UsageError: a variant is unknown.

    >>> print(choose_default_folder(StudyConfig(data="scenes:clutter=0", attention="none,cbam")))
    runs/scenes-convnet-bfa3
    """
    grid = config.grid if isinstance(config, StudyConfig) else {}
    names = [
        _join_names(grid.get(option, [getattr(config, option)])) for option in ("data", "model")
    ]
    identity = json.dumps([type(config).__name__, *_get_identity(config)], sort_keys=True)
    key = hashlib.sha256(identity.encode()).hexdigest()[:_KEY_LENGTH]
    return Path("runs", "-".join([*names, key]))


def _get_identity(config: RunConfig | StudyConfig) -> tuple[list[str], dict[str, Any]]:
    """Return the canonical variants, and the options that differ from their defaults."""
    variants = (
        resolve_variants(config)
        if isinstance(config, StudyConfig)
        else [canonicalize_variant(config.attention)]
    )
    excluded = set(_LISTED_SEPARATELY)
    if not (isinstance(config, StudyConfig) and config.until_decided):  # which settles its margin
        excluded |= _CHANGES_NO_RUN
    options = config.model_dump(exclude_defaults=True, exclude=excluded)
    options |= {name: _normalize_path(options[name]) for name in PATH_OPTIONS & set(options)}
    if "grid" in options:
        options["grid"] = {
            name: [_normalize_path(value) for value in values] if name in PATH_OPTIONS else values
            for name, values in options["grid"].items()
        }
    return list(variants), options


def _normalize_path(text: str) -> str:
    """Return an existing path without `./` and the like, still relative; other text is unchanged."""
    return os.path.normpath(text) if text and Path(text).exists() else text


def _join_names(sources: Sequence[str]) -> str:
    """Return the names of data sets or networks as part of a folder name.

    >>> _join_names(["resnet18", "timm/resnet34d"]), _join_names(["hf:owner/My_Photos", "scenes:size=16"])
    ('resnet18-resnet34d', 'my-photos-scenes')
    """
    names = dict.fromkeys(_name_source(source) for source in sources)
    return "-".join(names)[:_MAX_NAME_LENGTH].strip("-")


def _name_source(source: str) -> str:
    """Return the name of a folder, of a data set without its options, or of a module."""
    if Path(source).exists():
        name = Path(source).resolve().name
    else:
        name = source.removeprefix("hf:").partition(":")[0].rpartition("/")[2]
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
