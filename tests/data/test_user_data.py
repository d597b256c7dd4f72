"""Data returned by a user's function."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.data_files import find_rows, make_images, write_parquet_folder
from foveal.data import DecodedData, Split, is_import_path, load_data
from foveal.data.decoded import compute_checksum
from foveal.data.sources.user_data import require_user_data
from foveal.errors import UsageError

MODULE = """
import numpy as np
from foveal.data import DecodedData, Split

def make_split(count, seed):
    images = np.random.default_rng(seed).integers(0, 256, (count, 3, 6, 8), dtype=np.uint8)
    return Split(images.transpose(0, 2, 3, 1), np.arange(count) % 2, {"position": np.arange(count)})

def load():
    return DecodedData(("cat", "dog"), make_split(20, 0), make_split(5, 1))

def nothing():
    return None

def failing():
    raise KeyError("raised by the user's function")

number = 3
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "their_package").mkdir()
    (tmp_path / "their_package" / "pets.py").write_text(MODULE)
    (tmp_path / "their_package" / "broken.py").write_text("import no_such_module_at_all")
    monkeypatch.syspath_prepend(str(tmp_path))


def make_data(**changes: Any) -> DecodedData:
    """Return valid data with some fields replaced."""
    train, test = (Split(make_images(n, seed=n), np.arange(n) % 3) for n in (9, 4))
    return replace(DecodedData(("a", "b", "c"), train, test), **changes)


def make_split(**changes: Any) -> Split:
    return replace(make_data().train, **changes)


def test_loads_data_from_a_callable(tmp_path: Path) -> None:
    data = load_data("their_package.pets:load")
    assert (data.name, data.classes) == ("their_package.pets:load", ("cat", "dog"))
    assert (len(data.train), len(data.test), data.image_shape) == (20, 5, (3, 6, 8))
    assert data.train.labels[:3].tolist() == [0, 1, 0]
    assert data.train.columns["position"].tolist() == list(range(20))
    assert not (tmp_path / "cache").exists()
    images, labels = next(data.training_batches(batch_size=20, seed=0, epoch=0))
    assert (images.shape, labels.shape) == ((20, 3, 6, 8), (20,))


def test_checksum_is_computed_from_the_data() -> None:
    from their_package.pets import load  # type: ignore[import-not-found]

    data = load_data("their_package.pets:load")
    assert (
        data.checksum == load_data("their_package.pets:load").checksum == compute_checksum(load())
    )
    changed = load()
    changed.train.labels[0] = 1
    assert compute_checksum(changed) != data.checksum


def test_holds_out_images_and_takes_subsets() -> None:
    whole = load_data("their_package.pets:load")
    data = load_data("their_package.pets:load", train_size=8, validation=6, test_size=3)
    assert data.validation is not None
    assert (len(data.train), len(data.validation), len(data.test)) == (8, 6, 3)
    rows = [find_rows(part.images, whole.train.images) for part in (data.train, data.validation)]
    assert len({*rows[0], *rows[1]}) == 14
    assert data.checksum == whole.checksum


def test_folder_of_that_name_takes_precedence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_parquet_folder(tmp_path / "their_package.pets:load")
    assert len(load_data("their_package.pets:load").classes) == 3


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no_such_package.pets:load", "'no_such_package.pets:load' cannot be imported .*No"),
        ("their_package.cats:load", r"cannot be imported .*their_package\.cats"),
        ("their_package.pets:contents", r"cannot be imported .*no attribute 'contents'"),
        ("their_package.broken:load", "cannot be imported .*no_such_module_at_all"),
        ("their_package.pets:number", "should be a function or a class. Found int"),
        ("their_package.pets:nothing", r"should be foveal\.data\.DecodedData\. Found NoneType"),
        ("scenes:clutter", "no source 'scenes:clutter'"),
        ("their_package.pets:load:size=3", "no source .*package.module:callable"),
    ],
)
def test_refuses_invalid_callables(source: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        load_data(source)
    assert error.value.exit_code == 2


def test_does_not_catch_errors_of_the_callable() -> None:
    with pytest.raises(KeyError, match="raised by the user's function"):
        load_data("their_package.pets:failing")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ()}, r"`classes` should be a tuple of different names\. Found \(\)"),
        ({"classes": ["a", "b", "c"]}, "`classes` should be a tuple of different names"),
        ({"classes": ("a", "b", "a")}, "`classes` should be"),
        ({"classes": ("a", "b", "")}, "`classes` should be"),
        ({"classes": (1, 2, 3)}, "`classes` should be"),
        ({"classes": ("a", "b")}, r"`train.labels` should be from 0 to 1, .* Found 0 to 2"),
        ({"train": None}, "`train` should be a foveal.data.Split. Found NoneType"),
        (
            {"test": make_split(labels=np.arange(9) - 1)},
            "`test.labels` should be from 0 to 2.*-1 to 7",
        ),
        (
            {"test": make_split(labels=np.zeros(8, np.int64))},
            r"`test.labels` should be .*\(9,\).*\(8,\)",
        ),
        (
            {"train": make_split(labels=np.zeros(9, np.int32))},
            r"an int64 array .* Found int32 \(9,\)",
        ),
        (
            {"train": make_split(labels=[0] * 9)},
            "`train.labels` should be an int64 array.* Found list",
        ),
        (
            {"train": make_split(images=np.zeros((9, 6, 8, 3)))},
            r"a uint8 array .* Found float64 \(9, 6",
        ),
        (
            {"train": make_split(images=np.zeros((9, 6, 8), np.uint8))},
            r"\(N, H, W, C\).* \(9, 6, 8\)",
        ),
        (
            {"test": make_data().test.take(np.arange(0))},
            r"at least one image. Found uint8 \(0, 6, 8",
        ),
        (
            {"test": Split(make_images(2, (8, 6)), np.arange(2))},
            r"of images \(6, 8, 3\) in height",
        ),
        (
            {"train": make_split(columns={"x": np.arange(8)})},
            r"`train.columns\['x'\]` should be .* 9 rows",
        ),
        (
            {"train": make_split(columns={"x": np.array([{}] * 9)})},
            "without Python objects. Found object",
        ),
    ],
)
def test_refuses_invalid_data(changes: dict[str, Any], message: str) -> None:
    require_user_data(make_data(), "a:b")
    with pytest.raises(UsageError, match=f"a:b: .*{message}"):
        require_user_data(make_data(**changes), "a:b")


@pytest.mark.parametrize("text", ["a:b", "package.module:callable", "_a.b1:C"])
def test_accepts_import_path(text: str) -> None:
    assert is_import_path(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "scenes",
            "scenes:clutter",
            "scenes:clutter=0.5",
            "cifar10:x",
            "hf:name",
            "hf:owner/name",
        ),
        *("", "a", "a.b", ":b", "a:", "a:b:c", "a:b=1", "a:b.c", "a..b:c", "1a:b"),
        *("a/b:c", "./a:b", "C:\\images"),
    ],
)
def test_rejects_other_text_as_import_path(text: str) -> None:
    assert not is_import_path(text)
