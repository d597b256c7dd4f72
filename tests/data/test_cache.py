"""The decoded cache: written once, whole or absent, and never believed when damaged."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from data.image_folders import random_images, unchanged, write_folder
from foveal.cache_folder import get_cache_folder
from foveal.data import load_data
from foveal.data.dataset import Split
from foveal.data.decoded import Content, arrays
from foveal.data.decoded_cache import cached, content_key
from foveal.errors import FovealError

KEY = "k" * 32


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def some_content() -> Content:
    splits = [
        Split(random_images(n, seed=n), np.arange(n), {"coarse_label": np.arange(n)})
        for n in (9, 4)
    ]
    return Content(("a", "b"), *splits)


def never() -> Content:
    raise AssertionError("decoded again")


def assert_same(found: Content, expected: Content) -> None:
    assert found.classes == expected.classes
    for (name, array), (other, wanted) in zip(arrays(found), arrays(expected), strict=True):
        assert name == other
        assert array.dtype == wanted.dtype
        np.testing.assert_array_equal(array, wanted)


def test_content_is_decoded_once_and_mapped_afterwards() -> None:
    first, checksum = cached(KEY, some_content)
    again, same = cached(KEY, never)
    assert_same(first, some_content())
    assert_same(again, some_content())
    assert checksum == same
    assert isinstance(again.train.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        again.train.images[0] = 0
    assert again.train.take(np.array([2])).images.flags.writeable


def cut(entry: Path) -> None:
    path = entry / "train.images.npy"
    path.write_bytes(path.read_bytes()[:-1])


def empty(entry: Path) -> None:
    (entry / "test.labels.npy").write_bytes(b"")


def flip(entry: Path) -> None:
    path = entry / "test.images.npy"
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)


def lose(entry: Path) -> None:
    (entry / "train.labels.npy").unlink()


def garble(entry: Path) -> None:
    (entry / "content.json").write_text("{")


def rename_class(entry: Path) -> None:
    path = entry / "content.json"
    path.write_text(path.read_text().replace('"a"', '"c"'))


def forget(entry: Path) -> None:
    (entry / "content.json").write_text("{}")


def clear(entry: Path) -> None:
    for path in entry.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    "damage",
    [cut, empty, flip, lose, garble, rename_class, forget, clear],
    ids=lambda f: f.__name__,
)
def test_a_damaged_entry_is_decoded_again(damage: Callable[[Path], None], cache: Path) -> None:
    cached(KEY, some_content)
    damage(cache / "data" / KEY)
    assert_same(cached(KEY, some_content)[0], some_content())
    assert_same(cached(KEY, never)[0], some_content())


def test_what_a_killed_process_left_is_no_obstacle(cache: Path) -> None:
    aside = cache / "data" / f"{KEY}.partial"
    aside.mkdir(parents=True)
    (aside / "train.images.npy").write_bytes(b"half")
    (aside / "stale.npy").write_bytes(b"half")
    assert_same(cached(KEY, some_content)[0], some_content())
    assert not aside.exists()
    assert not (cache / "data" / KEY / "stale.npy").exists()


def test_a_failure_while_decoding_leaves_no_entry(cache: Path) -> None:
    def fail() -> Content:
        raise FovealError("damaged")

    with pytest.raises(FovealError, match="damaged"):
        cached(KEY, fail)
    assert not [path for path in (cache / "data").iterdir() if path.is_dir()]
    assert_same(cached(KEY, some_content)[0], some_content())


def test_of_several_at_once_one_decodes() -> None:
    started, calls = Barrier(8), []

    def decode() -> Content:
        calls.append(1)
        return some_content()

    def load(_: int) -> Content:
        started.wait()
        return cached(KEY, decode)[0]

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(load, range(8)):
            assert_same(found, some_content())
    assert calls == [1]


def test_a_cache_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "file"))
    with pytest.raises(FovealError, match=r"file.*cannot be written.*set .* FOVEAL_CACHE"):
        cached(KEY, never)


def test_the_cache_is_that_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOVEAL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert get_cache_folder() == Path("/caches/foveal")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("sys.platform", "linux")
    assert get_cache_folder() == Path.home() / ".cache" / "foveal"
    monkeypatch.setenv("FOVEAL_CACHE", "~/elsewhere")
    assert get_cache_folder() == Path.home() / "elsewhere"


def test_the_key_follows_names_and_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    (tmp_path / "other").mkdir()
    moved = tmp_path / "other" / "one"
    moved.write_bytes(b"1")
    keys = [
        content_key("parquet", [one, two]),
        content_key("parquet", [two, one]),
        content_key("parquet", [one]),
        content_key("archive", [one, two]),
    ]
    assert len(set(keys)) == 4
    assert content_key("parquet", [moved, two]) == keys[0]
    one.write_bytes(b"3")
    assert content_key("parquet", [one, two]) not in keys


def test_a_folder_that_changes_is_decoded_again_and_never_written_to(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    train, _ = write_folder(folder)
    with unchanged(folder):
        first = load_data(folder)
    np.testing.assert_array_equal(first.train.images, train)
    train, _ = write_folder(folder, train=10)
    second = load_data(folder)
    np.testing.assert_array_equal(second.train.images, train)
    assert first.checksum != second.checksum


def test_a_cut_shard_leaves_no_entry(tmp_path: Path, cache: Path) -> None:
    write_folder(tmp_path / "set")
    shard = tmp_path / "set" / "data" / "test-00000-of-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-500])
    with unchanged(tmp_path / "set"), pytest.raises(FovealError, match=shard.name):
        load_data(tmp_path / "set")
    assert not [path for path in (cache / "data").iterdir() if path.is_dir()]
