"""Folders of parquet shards, as written by Hugging Face `datasets`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from foveal.data.decoded import DecodedData
from foveal.data.sources.encoded_table import DecodedTable, decode_table, join_tables
from foveal.errors import FovealError, UsageError

_Shards = Mapping[str, Sequence[Path]]


def find_shards(folder: Path) -> _Shards | None:
    """Return the train and test shards in `folder`/data or `folder`; None if there are no parquet files.

    Raises:
        UsageError: a split is missing.
        FovealError: a shard counted in the file names (`-00000-of-00003`) is missing.
    """
    for shard_folder in (folder / "data", folder):
        files = sorted(shard_folder.glob("*.parquet"))
        if files:
            break
    else:
        return None
    shards = {split: [f for f in files if f.name.startswith(split)] for split in ("train", "test")}
    for split, split_files in shards.items():
        if not split_files:
            names = ", ".join(file.name for file in files)
            raise UsageError(f"{shard_folder} has no {split}-*.parquet. It has {names}.")
        _require_all_shards(split_files)
    return shards


def _require_all_shards(shards: Sequence[Path]) -> None:
    """Raise FovealError if the file names count more shards than there are."""
    for path in shards:
        count = re.search(r"-\d+-of-(\d+)", path.name)
        if count and int(count[1]) != len(shards):
            raise FovealError(
                f"{path} is one of {int(count[1])} shards, but there are {len(shards)}. "
                "Copy the folder again."
            )


def read_parquet(shards: _Shards) -> DecodedData:
    """Decode the shards in the order of their names."""
    return join_tables(
        {
            split: [(str(path), _read_shard(path)) for path in paths]
            for split, paths in shards.items()
        }
    )


def _read_shard(path: Path) -> DecodedTable:
    """Decode one shard.

    Raises:
        FovealError: the file is damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise FovealError(f"{path} is damaged or not a parquet file ({reason}).") from error
    return decode_table(table, str(path))
