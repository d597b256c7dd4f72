"""Data sets from the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foveal.data.decoded import DecodedData
from foveal.data.sources.encoded_table import decode_table, join_tables
from foveal.errors import FovealError, UsageError

_SPLITS = ("train", "test")


def load_hub_splits(repository: str) -> Mapping[str, Any]:
    """Return the train and test splits of `repository` ("owner/name"), downloaded unless cached.

    Raises:
        FovealError: the hub cannot be reached, or the repository cannot be loaded.
        UsageError: a split is missing.
    """
    import datasets  # the import takes a second, and most sources do not need it

    try:
        splits = datasets.load_dataset(repository)
    except Exception as error:  # network, disk and format errors of several libraries
        raise FovealError(
            f"`{repository}` could not be loaded from the Hugging Face hub "
            f"({' '.join(str(error).split())}). Without a network, give a folder that contains "
            "the parquet files or the original archives."
        ) from error
    missing = [split for split in _SPLITS if split not in splits]
    if missing:
        raise UsageError(f"`{repository}` has no split `{missing[0]}`. It has {', '.join(splits)}.")
    return {split: splits[split] for split in _SPLITS}


def list_hub_files(splits: Mapping[str, Any]) -> list[Path]:
    """Return the files in which `datasets` stores the splits."""
    return [Path(file["filename"]) for split in splits.values() for file in split.cache_files]


def decode_hub_splits(splits: Mapping[str, Any]) -> DecodedData:
    """Decode the splits returned by `load_hub_splits`."""
    return join_tables(
        {name: [(name, decode_table(split.data.table, name))] for name, split in splits.items()}
    )
