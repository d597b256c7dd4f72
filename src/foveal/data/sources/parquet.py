"""Folders of parquet shards, as Hugging Face `datasets` writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from foveal.data.decoded import Content
from foveal.data.sources.encoded_table import Rows, decode_table, join
from foveal.errors import FovealError, UsageError

Shards = Mapping[str, Sequence[Path]]


def find_shards(folder: Path) -> Shards | None:
    """Return the shards of `train` and `test` in `folder`/data or `folder`; None without parquet.

    Raises if a split, or a shard of those that the names count (`-00000-of-00003`), is missing.
    """
    for place in (folder / "data", folder):
        files = sorted(place.glob("*.parquet"))
        if files:
            break
    else:
        return None
    shards = {split: [f for f in files if f.name.startswith(split)] for split in ("train", "test")}
    for split, found in shards.items():
        if not found:
            names = ", ".join(file.name for file in files)
            raise UsageError(f"{place} has no {split}-*.parquet; it has {names}.")
        require_complete(found)
    return shards


def require_complete(shards: Sequence[Path]) -> None:
    """Raise if the names of `shards` count more of them than there are."""
    for path in shards:
        counted = re.search(r"-\d+-of-(\d+)", path.name)
        if counted and int(counted[1]) != len(shards):
            raise FovealError(
                f"{path} is one of {int(counted[1])} shards, and {len(shards)} were found; "
                "copy the folder again."
            )


def read_parquet(shards: Shards) -> Content:
    """Decode the shards, in the order of their names."""
    parts = {split: [(str(p), read_shard(p)) for p in paths] for split, paths in shards.items()}
    return join(parts)


def read_shard(path: Path) -> Rows:
    """Decode one shard."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise FovealError(f"{path} is damaged or no parquet file ({reason}).") from error
    return decode_table(table, str(path))
