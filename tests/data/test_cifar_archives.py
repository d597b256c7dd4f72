"""Original CIFAR archives, made small; pickles are written opcode by opcode, as Python 2 did."""

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

from data.data_files import make_images
from foveal.data import load_data
from foveal.data.cifar.archives import CIFARArchive, find_archive, read_archive
from foveal.data.cifar.layouts import ARCHIVE_LAYOUTS, FILE_SIZES, MD5_CHECKSUMS, ArchiveLayout
from foveal.data.cifar.restricted_pickle import load_restricted_pickle
from foveal.data.decoded import DecodedData
from foveal.errors import FovealError, UsageError

IDS = [layout.folder for layout in ARCHIVE_LAYOUTS]
ROWS_PER_BATCH = 4


def python2_string(text: bytes) -> bytes:
    return (
        b"U" + bytes([len(text)]) + text
        if len(text) < 256
        else b"T" + len(text).to_bytes(4, "little") + text
    )


def python2_pickle(values: Mapping[str, Any]) -> bytes:
    """Pickle by protocol 2 as Python 2 and its numpy did: a string is bytes."""
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


def make_channel_rows(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return rows of all red values, then green, then blue."""
    return np.stack([np.concatenate([i[..., c].ravel() for c in range(3)]) for i in images])


def make_batch(layout: ArchiveLayout, images: npt.NDArray[np.uint8], fine: list[int]) -> bytes:
    coarse = [label // 5 for label in fine]
    if not layout.is_binary:
        labels = (
            {"fine_labels": fine, "coarse_labels": coarse}
            if layout.has_coarse_labels
            else {"labels": fine}
        )
        names = [f"image_{row}.png" for row in range(len(fine))]
        return python2_pickle({"filenames": names, **labels, "data": make_channel_rows(images)})
    columns = [coarse, fine] if layout.has_coarse_labels else [fine]
    return np.column_stack(
        [*(np.array(c, np.uint8) for c in columns), make_channel_rows(images)]
    ).tobytes()


def make_class_names(layout: ArchiveLayout, name: str) -> bytes:
    classes = [f"class{label}" for label in range(10)]
    if layout.is_binary:
        return ("\n".join(classes if "coarse" not in name else ["a", "b"]) + "\n\n").encode()
    if layout.has_coarse_labels:
        return python2_pickle({"fine_label_names": classes, "coarse_label_names": ["a", "b"]})
    return python2_pickle({"num_cases_per_batch": 4, "label_names": classes})


def make_members(
    layout: ArchiveLayout,
) -> tuple[dict[str, bytes], npt.NDArray[np.uint8], list[int]]:
    """Return the files of an archive, and all its images and labels, the test split last."""
    batches = (*layout.train_files, layout.test_file)
    images = make_images(ROWS_PER_BATCH * len(batches), (32, 32))
    labels = [(3 * row) % 10 for row in range(len(images))]
    members = {name: make_class_names(layout, name) for name in layout.class_name_files}
    for number, name in enumerate(batches):
        rows = slice(number * ROWS_PER_BATCH, (number + 1) * ROWS_PER_BATCH)
        members[name] = make_batch(layout, images[rows], labels[rows])
    return members, images, labels


def unpack(layout: ArchiveLayout, folder: Path) -> dict[str, str]:
    """Write the unpacked folder and return the MD5 of each file."""
    members = make_members(layout)[0]
    (folder / layout.folder).mkdir(parents=True)
    for name, content in members.items():
        (folder / layout.folder / name).write_bytes(content)
    return {f"{layout.folder}/{n}": hashlib.md5(c).hexdigest() for n, c in members.items()}


def pack(path: Path, layout: ArchiveLayout, members: Mapping[str, bytes]) -> dict[str, str]:
    """Write the .tar.gz, with a member path that leaves the folder, and return its MD5."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in ({"../../escaped": b"x"} | dict(members)).items():
            info = tarfile.TarInfo(f"{layout.folder}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return {layout.archive: hashlib.md5(path.read_bytes()).hexdigest()}


def require_archive(path: Path) -> CIFARArchive:
    archive = find_archive(path)
    assert archive is not None
    return archive


def assert_decoded(content: DecodedData, layout: ArchiveLayout) -> None:
    _, images, labels = make_members(layout)
    assert content.classes == tuple(f"class{label}" for label in range(10))
    np.testing.assert_array_equal(
        np.concatenate([content.train.images, content.test.images]), images
    )
    assert [*content.train.labels, *content.test.labels] == labels
    assert len(content.test) == ROWS_PER_BATCH
    if layout.has_coarse_labels:
        coarse = [*content.train.columns["coarse_label"], *content.test.columns["coarse_label"]]
        assert coarse == [label // 5 for label in labels]
    else:
        assert not content.train.columns


@pytest.mark.parametrize("give_folder", [True, False])
@pytest.mark.parametrize("layout", ARCHIVE_LAYOUTS, ids=IDS)
def test_reads_unpacked_folder(layout: ArchiveLayout, give_folder: bool, tmp_path: Path) -> None:
    md5 = unpack(layout, tmp_path)
    archive = require_archive(tmp_path / layout.folder if give_folder else tmp_path)
    assert archive.layout == layout
    assert_decoded(read_archive(archive, md5_checksums=md5, file_sizes={}), layout)


@pytest.mark.parametrize("give_parent", [True, False])
@pytest.mark.parametrize("layout", ARCHIVE_LAYOUTS, ids=IDS)
def test_reads_packed_archive_in_memory(
    layout: ArchiveLayout, give_parent: bool, tmp_path: Path
) -> None:
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    md5 = pack(home / layout.archive, layout, make_members(layout)[0])
    archive = require_archive(home if give_parent else home / layout.archive)
    assert_decoded(read_archive(archive, md5_checksums=md5, file_sizes={}), layout)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [home / layout.archive]


@pytest.mark.parametrize("layout", ARCHIVE_LAYOUTS, ids=IDS)
def test_refuses_packed_archive_with_other_content(
    layout: ArchiveLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    pack(tmp_path / layout.archive, layout, make_members(layout)[0])
    with pytest.raises(
        FovealError, match=rf"{layout.archive} has the MD5 checksum \w+ instead of"
    ) as error:
        load_data(tmp_path)
    assert error.value.exit_code == 1
    assert not [
        path for path in (tmp_path / "cache").rglob("*") if path.is_dir() and path.name != "data"
    ]


@pytest.mark.parametrize("layout", ARCHIVE_LAYOUTS, ids=IDS)
def test_refuses_unpacked_file_with_other_content(
    layout: ArchiveLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    unpack(layout, tmp_path)
    with pytest.raises(FovealError, match=f"{layout.train_files[0]} has .* download it again"):
        load_data(tmp_path / layout.folder)


def test_every_python_file_has_a_checksum_and_every_binary_batch_a_size() -> None:
    for layout in ARCHIVE_LAYOUTS:
        assert layout.archive in MD5_CHECKSUMS
        known, names = (
            (FILE_SIZES, (*layout.train_files, layout.test_file))
            if layout.is_binary
            else (MD5_CHECKSUMS, layout.files)
        )
        assert {f"{layout.folder}/{name}" for name in names} <= known.keys()


@pytest.mark.parametrize("layout", ARCHIVE_LAYOUTS, ids=IDS)
def test_error_names_a_damaged_batch(layout: ArchiveLayout, tmp_path: Path) -> None:
    unpack(layout, tmp_path)
    batch = tmp_path / layout.folder / layout.train_files[-1]
    batch.write_bytes(batch.read_bytes()[:-100])
    with pytest.raises(FovealError, match=f"{layout.train_files[-1]} cannot be decoded"):
        read_archive(require_archive(tmp_path), md5_checksums={}, file_sizes={})


@pytest.mark.parametrize("layout", ARCHIVE_LAYOUTS, ids=IDS)
def test_error_names_a_missing_batch(
    layout: ArchiveLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    unpack(layout, tmp_path)
    (tmp_path / layout.folder / layout.train_files[-1]).unlink()
    with pytest.raises(FovealError, match=f"{layout.train_files[-1]} cannot be read"):
        load_data(tmp_path)


def test_refuses_missing_member_and_truncated_archive(tmp_path: Path) -> None:
    layout = ARCHIVE_LAYOUTS[0]
    members = make_members(layout)[0]
    path = tmp_path / layout.archive
    pack(path, layout, {name: members[name] for name in members if name != "data_batch_4"})
    with pytest.raises(FovealError, match=r"lacks cifar-10-batches-py/data_batch_4"):
        read_archive(require_archive(path), md5_checksums={}, file_sizes={})
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(FovealError, match="is damaged"):
        read_archive(require_archive(path), md5_checksums={}, file_sizes={})


def test_refuses_label_without_class(tmp_path: Path) -> None:
    layout = ARCHIVE_LAYOUTS[1]
    unpack(layout, tmp_path)
    batch = tmp_path / layout.folder / layout.test_file
    batch.write_bytes(bytes([10]) + batch.read_bytes()[1:])
    with pytest.raises(FovealError, match="outside its 10 class names"):
        read_archive(require_archive(tmp_path), md5_checksums={}, file_sizes={})


def test_refuses_folder_with_two_data_sets(tmp_path: Path) -> None:
    unpack(ARCHIVE_LAYOUTS[0], tmp_path)
    unpack(ARCHIVE_LAYOUTS[2], tmp_path)
    with pytest.raises(UsageError, match="contains several data sets"):
        find_archive(tmp_path)


class CodeRunner:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.target,))


def test_refuses_pickle_that_would_run_code(tmp_path: Path) -> None:
    layout = ARCHIVE_LAYOUTS[0]
    unpack(layout, tmp_path)
    target = tmp_path / "ran"
    payload = pickle.dumps({"data": CodeRunner(target)})
    (tmp_path / layout.folder / "data_batch_2").write_bytes(payload)
    with pytest.raises(FovealError, match=r"data_batch_2 cannot be decoded .*it asks for"):
        read_archive(require_archive(tmp_path), md5_checksums={}, file_sizes={})
    assert not target.exists()
    pickle.loads(payload)
    assert target.exists()  # an ordinary load runs the code


@pytest.mark.parametrize(
    "name", ["builtins eval", "os system", "numpy load", "numpy.core.multiarray fromfile"]
)
def test_refuses_globals_that_arrays_do_not_need(name: str) -> None:
    content = b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n."
    with pytest.raises(ValueError, match=f"it asks for {name.replace(' ', '.')}"):
        load_restricted_pickle(content)


@pytest.mark.parametrize("protocol", [3, 4])
def test_reads_array_pickled_by_current_numpy(protocol: int) -> None:
    array = make_images(2)
    content = load_restricted_pickle(pickle.dumps({"data": array, "labels": [1, 2]}, protocol))
    np.testing.assert_array_equal(content["data"], array)
