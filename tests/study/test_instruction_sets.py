"""All runs of a seed have one instruction set; another kind of machine continues with other seeds."""

import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from foveal.analysis import find_caveats
from foveal.atomic import get_partial_path
from foveal.errors import FovealError
from foveal.kernels import describe_instruction_set
from foveal.records import read_run, schema
from foveal.records.manifest import write_manifest
from foveal.study import Progress, RunConfig, Study, run, run_in_pool
from foveal.study.instruction_sets import OtherInstructionSetError, require_same_instruction_set
from study.small_study import SMALL, change, read_rows

PRINT_INSTRUCTION_SET = "from foveal import kernels; print(kernels.describe_instruction_set())"


class StoppedError(Exception):
    pass


class StopAfterFirstEpoch(Progress):
    def on_step(self, step: int, steps: int) -> None:
        if step > steps // 2:
            raise StoppedError


def record_instruction_set(run_folder: Path, name: str | None) -> None:
    """Write another instruction set into the record of a run, or remove it."""
    path = run_folder / schema.ENVIRONMENT_FILE
    environment = json.loads(path.read_text()) | {"instruction_set": name}
    if name is None:
        del environment["instruction_set"]
    path.write_text(json.dumps(environment))
    if (run_folder / schema.MANIFEST_FILE).exists():
        write_manifest(run_folder)


def find_run(study: Path, variant: str, seed: int) -> Path:
    (path,) = (study / "runs").glob(f"{variant}-seed{seed}-*")
    return path


@pytest.fixture
def study(uninterrupted: Path, tmp_path: Path) -> Path:
    """A copy of the finished study, to be changed."""
    return Path(shutil.copytree(uninterrupted, tmp_path / "study"))


@pytest.fixture
def other_instruction_set(monkeypatch: pytest.MonkeyPatch) -> str:
    """Let new processes use another instruction set than this one, and return its name."""
    present = describe_instruction_set()
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2" if present == "AVX512" else "default")
    command = [sys.executable, "-c", PRINT_INSTRUCTION_SET]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    if name == present:
        pytest.skip(f"PyTorch has no instruction set but {present} on this machine")
    return name


def test_is_recorded_with_each_run_and_not_hashed(uninterrupted: Path) -> None:
    record = read_run(find_run(uninterrupted, "none", 0))
    assert record.environment["instruction_set"] == describe_instruction_set()
    assert "instruction_set" not in record.config


def test_workers_of_another_kind_train_other_seeds(
    uninterrupted: Path, study: Path, other_instruction_set: str
) -> None:
    present = describe_instruction_set()
    shutil.rmtree(find_run(study, "channel", 0))
    opened = Study.open(study, change(seeds=3))
    outcomes = list(opened.run_missing(partial(run_in_pool, workers=1), with_extras=False))
    left_out = [outcome for outcome in outcomes if outcome.is_left_out]
    assert [outcome.task.config.seed for outcome in left_out] == [0]
    assert (
        f"begun with {present}, and this process uses {other_instruction_set}" in left_out[0].error
    )
    assert [run.config.seed for run in opened.list_missing_runs()] == [0]
    assert not list((study / "runs").glob("*.partial"))
    sets = {
        run.results["seed"]: run.environment["instruction_set"]
        for run in opened.write_results().runs
    }
    assert sets == {0: present, 1: present, 2: other_instruction_set}

    record = opened.run(with_extras=False)  # in this process
    assert not opened.list_missing_runs()
    rows = [row for row in read_rows(study) if row["seed"] != "2"]
    assert rows == read_rows(uninterrupted)
    (caveat,) = [text for text in find_caveats(record) if "instruction sets" in text]
    assert f"{present}: seeds 0 and 1" in caveat
    assert f"{other_instruction_set}: seed 2" in caveat


def test_left_out_runs_are_reported_at_the_end(study: Path) -> None:
    for seed in range(2):
        record_instruction_set(find_run(study, "none", seed), "AVX9")
        shutil.rmtree(find_run(study, "channel", seed))
    message = (
        r"The study is not complete. Left out: 2 runs of seeds 0 and 1. Runs of the same seed were begun with "
        r"AVX9, .* on a machine with AVX9, or delete"
    )
    with pytest.raises(FovealError, match=message):
        Study.open(study, SMALL).run(with_extras=False)


def test_runs_of_variants_that_are_not_requested_count(study: Path) -> None:
    for variant in ("none", "channel"):
        record_instruction_set(find_run(study, variant, 0), "AVX9")
    opened = Study.open(study, change(attention="none,spatial"))
    outcomes = list(opened.run_missing(with_extras=False))
    assert [(run.task.config.seed, run.is_left_out) for run in outcomes] == [(0, True), (1, False)]


def test_other_cells_of_a_grid_do_not_count(tmp_path: Path) -> None:
    config = change(attention="none", seeds=1, grid={"batch_size": [32, 40]})
    opened = Study.open(tmp_path / "study", config)
    first = opened.list_runs()[0]
    opened.run(shard="1/2", with_extras=False)
    record_instruction_set(first.folder, "AVX9")
    opened.run(with_extras=False)
    assert not opened.list_missing_runs()


def test_records_without_instruction_set_do_not_count(study: Path) -> None:
    record_instruction_set(find_run(study, "none", 0), None)
    shutil.rmtree(find_run(study, "channel", 0))
    assert len(Study.open(study, SMALL).run(with_extras=False).runs) == 4


def test_interrupted_run_resumes_with_its_instruction_set_only(tmp_path: Path) -> None:
    options = SMALL.model_dump(include=set(RunConfig.model_fields) - {"attention"})
    config, folder = RunConfig(**options), tmp_path / "run"
    with pytest.raises(StoppedError):
        run(config, folder, progress=StopAfterFirstEpoch())
    record_instruction_set(get_partial_path(folder), "AVX9")
    with pytest.raises(OtherInstructionSetError, match="begun with AVX9"):
        run(config, folder, resume=True)
    record_instruction_set(get_partial_path(folder), describe_instruction_set())
    assert run(config, folder, resume=True, with_extras=False).results["epochs"] == 2


def test_does_not_matter_on_a_gpu(study: Path) -> None:
    folder = find_run(study, "none", 0)
    record_instruction_set(folder, "AVX9")
    require_same_instruction_set(RunConfig(device="cuda"), [folder])
    with pytest.raises(OtherInstructionSetError):
        require_same_instruction_set(RunConfig(device="cpu"), [folder])


def test_error_says_how_to_continue(study: Path) -> None:
    folder = find_run(study, "none", 0)
    record_instruction_set(folder, "AVX2, kernels v9")
    with pytest.raises(OtherInstructionSetError) as caught:
        require_same_instruction_set(RunConfig(device="cpu"), [folder])
    assert str(caught.value) == (
        f"Runs of the same seed were begun with AVX2, kernels v9, and this process uses "
        f"{describe_instruction_set()}. Continue on a machine with AVX2 or with "
        "ATEN_CPU_CAPABILITY=avx2 DNNL_MAX_CPU_ISA=AVX2 and FOVEAL_KERNELS=native-v9, or delete the runs of "
        "the seed."
    )
