"""`foveal explain`: files, captions, JSON, choice of images and networks."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.cli import main
from foveal.explanation import OcclusionResult
from foveal.study import Study
from study.small_study import change

FIGURES = {"comparison", "classes", "robustness", "gates-cbam"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain") / "study"
    easy = "scenes:clutter=0:object_size=0.6"
    config = change(attention="none,cbam", data=easy, test_size=60, train_size=600, epochs=3)
    Study.open(folder, config).run()
    return folder


def test_writes_all_figures_and_numbers(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(study)]) == 0
    out = capsys.readouterr().out
    folder = study / "explain"
    names = {f"{name}{suffix}" for name in FIGURES for suffix in (".png", ".svg")}
    assert {p.name for p in folder.iterdir()} == names | {"occlusion.npz", "explain.json"}
    for name in names:
        if name.endswith("png"):
            with Image.open(folder / name) as picture:
                assert picture.width > 400
                assert np.asarray(picture.convert("L")).std() > 10
    assert "cbam" in out
    assert "the first test image of each class" in out
    caption = read_svg_text(folder / "comparison.svg")
    for part in ("window 8 x 8 px", "stride 4 x 4", "fill mean", "score prob", "the true label"):
        assert part in caption
    assert "Means are over 2 seeds (0, 1)" in caption
    assert "Means are over 2 seeds (0, 1)" in read_svg_text(folder / "robustness.svg")


def read_svg_text(figure: Path) -> str:
    """Return the text of an SVG as one line."""
    return " ".join(re.sub("<[^>]+>", " ", figure.read_text()).split())


def test_json_agrees_with_the_npz(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--images", "7,3", "--seeds", "1", "--out", str(tmp_path), "--metrics", "--json"]
    assert main(["explain", str(study), *arguments]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["schema"] == 2
    assert [image["index"] for image in content["images"]] == [7, 3]
    result = OcclusionResult.load(tmp_path / "occlusion.npz")
    for variant, values in content["variants"].items():
        name = f"{variant} seed 1"
        labels = [image["label"] for image in content["images"]]
        p = result.probabilities(name)[range(2), labels]
        assert values["confidence"] == pytest.approx(p.tolist())
        largest = result.grid(name).flatten(1).amax(1)
        assert values["max_drop"] == pytest.approx(largest.tolist())
        assert values["accuracy_under_occlusion"] == result.accuracy_under_occlusion(name)
        metrics = {metric["name"] for metric in content["metrics"][variant]}
        assert {"insertion area", "deletion area", "pointing", "auc"} <= metrics
    assert set(content) == set(json.loads((tmp_path / "explain.json").read_text()))
    assert all(Path(path).is_file() for path in content["files"])


def test_second_call_removes_stale_figures(study: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    assert main(["explain", str(study), "--images", "1", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "gates-cbam.png").is_file()
    options = ["--variants", "none", "--fill", "mean,blur"]
    assert main(["explain", str(study), *options, "--out", str(tmp_path)]) == 0
    assert not list(tmp_path.glob("gates-*"))
    assert (tmp_path / "notes.txt").is_file()
    assert "rank correlation is: none" in read_svg_text(tmp_path / "comparison.svg")


def test_explains_a_single_run(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = next((study / "runs").glob("cbam-seed0*"))
    options = ["--most-different", "2"]
    assert main(["explain", str(run), *options, "--out", str(tmp_path / "out")]) == 2
    assert "two variants" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
    assert main(["explain", str(run), "--per-class", "1", "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "gates-cbam.png").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--images", "one"], "`images` should be whole numbers separated by commas"),
        (["--variants", "chanel"], "`variants` should be of none, cbam"),
        (["--window", "33"], "`window` should be at most 32x32"),
        (["--window", "0"], "`window` should be `auto`, a number"),
        (["--fill", "grey"], "Did you mean 'gray'"),
    ],
)
def test_rejects_wrong_options(
    study: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", str(study), *options, "--out", str(tmp_path / "out")]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_rejects_a_missing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
