"""Cache of decoded images: written once and atomically, decoded again if damaged."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from data.data_files import assert_unchanged, make_images, write_parquet_folder
from foveal.data import load_data
from foveal.data.dataset import Split
from foveal.data.decoded import DecodedData, iterate_arrays
from foveal.data.decoded_cache import compute_cache_key, load_or_decode_data
from foveal.errors import FovealError

KEY = "k" * 32


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_data() -> DecodedData:
    splits = [
        Split(make_images(n, seed=n), np.arange(n), {"coarse_label": np.arange(n)}) for n in (9, 4)
    ]
    return DecodedData(("a", "b"), *splits)


def fail_to_decode() -> DecodedData:
    raise AssertionError("decoded again")


def assert_equal_data(actual: DecodedData, expected: DecodedData) -> None:
    assert actual.classes == expected.classes
    for (name, array), (expected_name, expected_array) in zip(
        iterate_arrays(actual), iterate_arrays(expected), strict=True
    ):
        assert name == expected_name
        assert array.dtype == expected_array.dtype
        np.testing.assert_array_equal(array, expected_array)


def test_decodes_once_and_memory_maps_afterwards() -> None:
    first, checksum = load_or_decode_data(KEY, make_data)
    again, same = load_or_decode_data(KEY, fail_to_decode)
    assert_equal_data(first, make_data())
    assert_equal_data(again, make_data())
    assert checksum == same
    assert isinstance(again.train.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        again.train.images[0] = 0
    assert again.train.take(np.array([2])).images.flags.writeable


def truncate_images(entry: Path) -> None:
    path = entry / "train.images.npy"
    path.write_bytes(path.read_bytes()[:-1])


def empty_labels(entry: Path) -> None:
    (entry / "test.labels.npy").write_bytes(b"")


def flip_a_bit(entry: Path) -> None:
    path = entry / "test.images.npy"
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)


def delete_labels(entry: Path) -> None:
    (entry / "train.labels.npy").unlink()


def damage_index(entry: Path) -> None:
    (entry / "index.json").write_text("{")


def rename_class(entry: Path) -> None:
    path = entry / "index.json"
    path.write_text(path.read_text().replace('"a"', '"c"'))


def empty_index(entry: Path) -> None:
    (entry / "index.json").write_text("{}")


def delete_all_files(entry: Path) -> None:
    for path in entry.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        truncate_images,
        empty_labels,
        flip_a_bit,
        delete_labels,
        damage_index,
        rename_class,
        empty_index,
        delete_all_files,
    ],
    ids=lambda f: f.__name__,
)
def test_decodes_damaged_entry_again(damage: Callable[[Path], None], cache: Path) -> None:
    load_or_decode_data(KEY, make_data)
    damage(cache / "data" / KEY)
    assert_equal_data(load_or_decode_data(KEY, make_data)[0], make_data())
    assert_equal_data(load_or_decode_data(KEY, fail_to_decode)[0], make_data())


def test_replaces_partial_entry_of_a_killed_process(cache: Path) -> None:
    partial = cache / "data" / f"{KEY}.partial"
    partial.mkdir(parents=True)
    (partial / "train.images.npy").write_bytes(b"half")
    (partial / "stale.npy").write_bytes(b"half")
    assert_equal_data(load_or_decode_data(KEY, make_data)[0], make_data())
    assert not partial.exists()
    assert not (cache / "data" / KEY / "stale.npy").exists()


def test_failed_decoding_leaves_no_entry(cache: Path) -> None:
    def fail() -> DecodedData:
        raise FovealError("damaged")

    with pytest.raises(FovealError, match="damaged"):
        load_or_decode_data(KEY, fail)
    assert not [path for path in (cache / "data").iterdir() if path.is_dir()]
    assert_equal_data(load_or_decode_data(KEY, make_data)[0], make_data())


def test_concurrent_readers_decode_once() -> None:
    started, calls = Barrier(8), []

    def decode() -> DecodedData:
        calls.append(1)
        return make_data()

    def load(_: int) -> DecodedData:
        started.wait()
        return load_or_decode_data(KEY, decode)[0]

    with ThreadPoolExecutor(8) as pool:
        for actual in pool.map(load, range(8)):
            assert_equal_data(actual, make_data())
    assert calls == [1]


def test_error_names_a_cache_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "file"))
    with pytest.raises(FovealError, match=r"file.*cannot be written.*Set .* FOVEAL_CACHE"):
        load_or_decode_data(KEY, fail_to_decode)


def test_key_depends_on_names_and_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    (tmp_path / "other").mkdir()
    moved = tmp_path / "other" / "one"
    moved.write_bytes(b"1")
    keys = [
        compute_cache_key("parquet", [first, second]),
        compute_cache_key("parquet", [second, first]),
        compute_cache_key("parquet", [first]),
        compute_cache_key("archive", [first, second]),
    ]
    assert len(set(keys)) == 4
    assert compute_cache_key("parquet", [moved, second]) == keys[0]
    first.write_bytes(b"3")
    assert compute_cache_key("parquet", [first, second]) not in keys


def test_decodes_a_changed_folder_again_and_never_writes_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    train, _ = write_parquet_folder(folder)
    with assert_unchanged(folder):
        first = load_data(folder)
    np.testing.assert_array_equal(first.train.images, train)
    train, _ = write_parquet_folder(folder, train=10)
    second = load_data(folder)
    np.testing.assert_array_equal(second.train.images, train)
    assert first.checksum != second.checksum


def test_truncated_shard_leaves_no_entry(tmp_path: Path, cache: Path) -> None:
    write_parquet_folder(tmp_path / "set")
    shard = tmp_path / "set" / "data" / "test-00000-of-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-500])
    with assert_unchanged(tmp_path / "set"), pytest.raises(FovealError, match=shard.name):
        load_data(tmp_path / "set")
    assert not [path for path in (cache / "data").iterdir() if path.is_dir()]
