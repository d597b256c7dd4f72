"""Settings of a run in a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foveal.analysis.run_tables.found_run import UnreadableRunError
from foveal.optional_imports import suggest_install


def read_yaml_settings(path: Path) -> dict[str, Any]:
    """Return the settings of a YAML file; those below others have names with dots.

    Python objects in the file are not created: they become None.

    Raises:
        UnreadableRunError: the file is not a mapping in YAML.
        MissingPackageError: PyYAML is not installed.
    """
    with suggest_install("pyyaml"):
        import yaml

    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor("", _ignore_tag)
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), Loader=loader) or {}  # noqa: S506
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise UnreadableRunError(f"{path.name} is not YAML") from error
    if not isinstance(settings, dict):
        raise UnreadableRunError(f"{path.name} has no settings")
    return flatten_settings(settings)


def read_hyperparameters(folder: Path) -> dict[str, Any]:
    """Return the settings that loggers of Lightning write into a folder; empty without any."""
    path = folder / "hparams.yaml"
    return read_yaml_settings(path) if path.is_file() else {}


def _ignore_tag(_loader: object, _suffix: str, _node: object) -> None:
    """Return None in place of an object of another program."""


def flatten_settings(settings: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings with dots in their names.

    >>> flatten_settings({"seed": 1, "model": {"name": "cbam"}})
    {'seed': 1, 'model.name': 'cbam'}
    """
    flat: dict[str, Any] = {}
    for name, setting in settings.items():
        if isinstance(setting, Mapping):
            flat |= flatten_settings(setting, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = setting
    return flat
