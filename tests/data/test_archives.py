"""The original archives, made small; pickles are written here opcode by opcode, as Python 2 did."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from data.image_folders import random_images
from foveal.data import load_data
from foveal.data.cifar.archives import Archive, find_archive, read_archive
from foveal.data.cifar.layouts import LAYOUTS, LENGTH, MD5, Layout
from foveal.data.cifar.plain_pickle import load_plain
from foveal.data.decoded import Content
from foveal.errors import FovealError, UsageError

IDS = [layout.folder for layout in LAYOUTS]
ROWS = 4  # of each batch


def python2_string(text: bytes) -> bytes:
    return (
        b"U" + bytes([len(text)]) + text
        if len(text) < 256
        else b"T" + len(text).to_bytes(4, "little") + text
    )


def python2_pickle(values: Mapping[str, Any]) -> bytes:
    """Pickle by protocol 2 as Python 2 and its numpy did, where a string is bytes."""
    return (
        b"\x80\x02}("
        + b"".join(
            python2_string(key.encode()) + python2_value(value) for key, value in values.items()
        )
        + b"u."
    )


def python2_value(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        return (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
            b"(K\x01" + b"".join(b"M" + struct.pack("<H", n) for n in value.shape) + b"\x86"
            b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
            b"K\x00tb\x89" + python2_string(value.tobytes()) + b"tb"
        )
    if isinstance(value, list):
        return b"](" + b"".join(map(python2_value, value)) + b"e"
    if isinstance(value, int):
        return b"K" + bytes([value])
    return python2_string(value.encode())


def rows_of(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """All red values, then green, then blue, row by row."""
    return np.stack([np.concatenate([i[..., c].ravel() for c in range(3)]) for i in images])


def batch_of(layout: Layout, images: npt.NDArray[np.uint8], fine: list[int]) -> bytes:
    coarse = [label // 5 for label in fine]
    if not layout.binary:
        labels = (
            {"fine_labels": fine, "coarse_labels": coarse} if layout.coarse else {"labels": fine}
        )
        names = [f"image_{row}.png" for row in range(len(fine))]
        return python2_pickle({"filenames": names, **labels, "data": rows_of(images)})
    columns = [coarse, fine] if layout.coarse else [fine]
    return np.column_stack([*(np.array(c, np.uint8) for c in columns), rows_of(images)]).tobytes()


def names_of(layout: Layout, name: str) -> bytes:
    classes = [f"class{label}" for label in range(10)]
    if layout.binary:
        return ("\n".join(classes if "coarse" not in name else ["a", "b"]) + "\n\n").encode()
    if layout.coarse:
        return python2_pickle({"fine_label_names": classes, "coarse_label_names": ["a", "b"]})
    return python2_pickle({"num_cases_per_batch": 4, "label_names": classes})


def members_of(layout: Layout) -> tuple[dict[str, bytes], npt.NDArray[np.uint8], list[int]]:
    """Return the files of an archive, and all its images and labels, those of the test last."""
    batches = (*layout.train, layout.test)
    images = random_images(ROWS * len(batches), (32, 32))
    labels = [(3 * row) % 10 for row in range(len(images))]
    members = {name: names_of(layout, name) for name in layout.names}
    for number, name in enumerate(batches):
        part = slice(number * ROWS, (number + 1) * ROWS)
        members[name] = batch_of(layout, images[part], labels[part])
    return members, images, labels


def unpack(layout: Layout, folder: Path) -> dict[str, str]:
    """Write the unpacked folder and return the MD5 of each file."""
    members = members_of(layout)[0]
    (folder / layout.folder).mkdir(parents=True)
    for name, content in members.items():
        (folder / layout.folder / name).write_bytes(content)
    return {f"{layout.folder}/{n}": hashlib.md5(c).hexdigest() for n, c in members.items()}


def pack(path: Path, layout: Layout, members: Mapping[str, bytes]) -> dict[str, str]:
    """Write the .tar.gz, with a file that asks to be put elsewhere, and return its MD5."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in ({"../../escaped": b"x"} | dict(members)).items():
            info = tarfile.TarInfo(f"{layout.folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return {layout.archive: hashlib.md5(path.read_bytes()).hexdigest()}


def found_in(path: Path) -> Archive:
    archive = find_archive(path)
    assert archive is not None
    return archive


def assert_holds(content: Content, layout: Layout) -> None:
    _, images, labels = members_of(layout)
    assert content.classes == tuple(f"class{label}" for label in range(10))
    np.testing.assert_array_equal(
        np.concatenate([content.train.images, content.test.images]), images
    )
    assert [*content.train.labels, *content.test.labels] == labels
    assert len(content.test) == ROWS
    if layout.coarse:
        coarse = [*content.train.details["coarse_label"], *content.test.details["coarse_label"]]
        assert coarse == [label // 5 for label in labels]
    else:
        assert not content.train.details


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS, ids=IDS)
def test_an_unpacked_folder_is_read(layout: Layout, inside: bool, tmp_path: Path) -> None:
    md5 = unpack(layout, tmp_path)
    archive = found_in(tmp_path / layout.folder if inside else tmp_path)
    assert archive.layout == layout
    assert_holds(read_archive(archive, md5=md5, length={}), layout)


@pytest.mark.parametrize("by_folder", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS, ids=IDS)
def test_a_packed_archive_is_read_in_memory(
    layout: Layout, by_folder: bool, tmp_path: Path
) -> None:
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    md5 = pack(home / layout.archive, layout, members_of(layout)[0])
    archive = found_in(home if by_folder else home / layout.archive)
    assert_holds(read_archive(archive, md5=md5, length={}), layout)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [home / layout.archive]


@pytest.mark.parametrize("layout", LAYOUTS, ids=IDS)
def test_an_archive_of_an_official_name_and_other_content_is_refused(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    pack(tmp_path / layout.archive, layout, members_of(layout)[0])
    with pytest.raises(FovealError, match=rf"{layout.archive} has the MD5 \w+ instead of") as error:
        load_data(tmp_path)
    assert error.value.exit_code == 1
    assert not [
        path for path in (tmp_path / "cache").rglob("*") if path.is_dir() and path.name != "data"
    ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=IDS)
def test_an_unpacked_file_of_other_content_is_refused(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    unpack(layout, tmp_path)
    with pytest.raises(FovealError, match=f"{layout.train[0]} has .* fetch it again"):
        load_data(tmp_path / layout.folder)


def test_every_python_file_has_a_checksum_and_every_binary_batch_a_length() -> None:
    for layout in LAYOUTS:
        assert layout.archive in MD5
        known, names = (
            (LENGTH, (*layout.train, layout.test)) if layout.binary else (MD5, layout.files)
        )
        assert {f"{layout.folder}/{name}" for name in names} <= known.keys()


@pytest.mark.parametrize("layout", LAYOUTS, ids=IDS)
def test_a_damaged_batch_is_named(layout: Layout, tmp_path: Path) -> None:
    unpack(layout, tmp_path)
    batch = tmp_path / layout.folder / layout.train[-1]
    batch.write_bytes(batch.read_bytes()[:-100])
    with pytest.raises(FovealError, match=f"{layout.train[-1]} cannot be decoded"):
        read_archive(found_in(tmp_path), md5={}, length={})


@pytest.mark.parametrize("layout", LAYOUTS, ids=IDS)
def test_a_missing_batch_is_named(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    unpack(layout, tmp_path)
    (tmp_path / layout.folder / layout.train[-1]).unlink()
    with pytest.raises(FovealError, match=f"{layout.train[-1]} cannot be read"):
        load_data(tmp_path)


def test_a_missing_member_and_a_cut_archive_are_refused(tmp_path: Path) -> None:
    layout = LAYOUTS[0]
    members = members_of(layout)[0]
    path = tmp_path / layout.archive
    pack(path, layout, {name: members[name] for name in members if name != "data_batch_4"})
    with pytest.raises(FovealError, match=r"lacks cifar-10-batches-py/data_batch_4"):
        read_archive(found_in(path), md5={}, length={})
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(FovealError, match="is damaged"):
        read_archive(found_in(path), md5={}, length={})


def test_a_label_without_a_class_is_refused(tmp_path: Path) -> None:
    layout = LAYOUTS[1]
    unpack(layout, tmp_path)
    batch = tmp_path / layout.folder / layout.test
    batch.write_bytes(bytes([10]) + batch.read_bytes()[1:])
    with pytest.raises(FovealError, match="outside its 10 class names"):
        read_archive(found_in(tmp_path), md5={}, length={})


def test_two_data_sets_in_one_folder_are_not_guessed_between(tmp_path: Path) -> None:
    unpack(LAYOUTS[0], tmp_path)
    unpack(LAYOUTS[2], tmp_path)
    with pytest.raises(UsageError, match="several data sets"):
        find_archive(tmp_path)


class Harmful:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.target,))


def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    layout = LAYOUTS[0]
    unpack(layout, tmp_path)
    target = tmp_path / "ran"
    harmful = pickle.dumps({"data": Harmful(target)})
    (tmp_path / layout.folder / "data_batch_2").write_bytes(harmful)
    with pytest.raises(FovealError, match=r"data_batch_2 cannot be decoded .*it asks for"):
        read_archive(found_in(tmp_path), md5={}, length={})
    assert not target.exists()
    pickle.loads(harmful)
    assert target.exists()  # so the pickle was one that runs code


@pytest.mark.parametrize(
    "name", ["builtins eval", "os system", "numpy load", "numpy.core.multiarray fromfile"]
)
def test_no_name_but_those_of_an_array_is_looked_up(name: str) -> None:
    content = b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n."
    with pytest.raises(ValueError, match=f"it asks for {name.replace(' ', '.')}"):
        load_plain(content)


@pytest.mark.parametrize("protocol", [3, 4])
def test_an_array_pickled_by_numpy_of_today_is_read(protocol: int) -> None:
    array = random_images(2)
    found = load_plain(pickle.dumps({"data": array, "labels": [1, 2]}, protocol))
    np.testing.assert_array_equal(found["data"], array)
