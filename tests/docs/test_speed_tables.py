"""The tables of the page on speed contain the results of the benchmarks."""

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONDITIONS = {"command": "the command", "date": "2026-01-01", "machine": "two cores", "torch": "2"}
STEP = {
    "model": "convnet", "batch_size": 8, "dtype": "float32", "instruction_set": "v3",
    "quartiles_ms": {"none plain": [1.0, 2.0, 3.0]},
    "ratio_to_plain_none": {"none": 0.8, "none plain": 1.0, "cbam": 1.25},
    "added_time_ratio": {"cbam / timm/cbam": 0.2},
}  # fmt: skip
GATE = {
    "gate": "cbam", "shape": [2, 8, 4, 4], "dtype": "float32", "instruction_set": "v4",
    "foveal_over_bound": 1.5,
    "quartiles_ms": {"foveal": [1.0, 2.0, 3.0]},
    "ratio_to_foveal": {"foveal": 1.0, "timm": 3.25, "copy": 0.1},
}  # fmt: skip
LOOP = {
    "instruction_set": "v4",
    "loop": "plain",
    "attention": "none",
    "images_per_second": [900.0, 1000.0, 1100.0],
    "ratio_to_plain": 1.0,
}
LEARNING = {
    "seeds": 5, "images": 20000, "epochs": 3, "margin": 0.015, "difference": 0.001,
    "interval": [-0.004, 0.006], "verdict": "equivalent",
}  # fmt: skip
STUDY = {
    "instruction_set": "v3",
    "arm": "plain loops",
    "runs_per_hour": [9.0, 10.0, 11.0],
    "ratio_to_plain": 1.0,
}
RESULTS: dict[str, dict[str, Any]] = {
    "step": {"rows": [STEP]}, "gates": {"rows": [GATE]},
    "train": {"rows": [LOOP], "learning": LEARNING}, "study": {"rows": [STUDY]},
}  # fmt: skip
EXPECTED = {
    "step": [
        "| AVX2 | convnet, 8, float32 |",
        "| `none plain` | 2 ms |",
        "| `cbam` | 1.25 |",
        "| added time, cbam / timm/cbam | 0.20 |",
    ],
    "gates": ["| AVX-512: gate, map", "| cbam, 2x8x4x4, float32 | 2.0 | 1.50 | 3.25 |"],
    "train": [
        "| plain | `none` | 1,000 (900 to 1,100) | 1.00 |",
        "**equivalent** to the plain loop within 1.5 points; difference +0.10 points [-0.40, +0.60]",
    ],
    "study": ["| AVX2 | runs per hour |", "| plain loops | 10 (9 to 11) | 1.00 |"],
}


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("speed_tables")


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_table_contains_the_results(
    tables: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tables, "RESULTS_FOLDER", tmp_path)
    tables.write_speed_tables(tmp_path / "pages")
    page = tmp_path / "pages" / f"speed-{name}.md"
    assert f"`make bench-{name}`" in page.read_text()
    (tmp_path / f"{name}.json").write_text(json.dumps(CONDITIONS | RESULTS[name]))
    tables.write_speed_tables(tmp_path / "pages")
    for text in [*EXPECTED[name], "`the command` on 2026-01-01: two cores, torch 2"]:
        assert text in page.read_text()


def test_stored_results_have_the_expected_keys(tables: ModuleType, tmp_path: Path) -> None:
    tables.write_speed_tables(tmp_path)
    pages = list(tmp_path.glob("speed-*.md"))
    assert len(pages) == len(RESULTS)
    assert all("Not measured yet" not in page.read_text() for page in pages)
