"""Check insertion at the default place in the networks of `networks.py`, in an environment of its own.

`cbam` goes through everything: two training steps, copy, pickle, compilation, both exporters to ONNX,
folding of norms, half precision, autocast, removal. `bam` and `se` go through insertion, two steps and
removal. Each network runs in a process of its own and gives one JSON row; networks that have a row are
skipped, so that the command continues after an interruption. A quick check leaves out compilation and
export, which take most of the time; the command without `--quick` repeats its networks. A network that is
refused in a sentence counts as refused, every other error as a failure.

    python benchmarks/check_networks.py --env FOLDER --out networks.jsonl
    python benchmarks/check_networks.py --out networks.jsonl --table
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from networks import NAMES

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "ultralytics",
    "segmentation_models_pytorch",
    "monai",
    "transformers",
    "onnx",
    "onnxscript",
    "onnxruntime",
)
STEPS = (
    "insert",
    "steps",
    "copy",
    "pickle",
    "compile",
    "onnx",
    "onnx dynamo",
    "fuse",
    "half",
    "autocast",
    "remove",
    "bam",
    "se",
)


def make_environment(folder: Path) -> Path:
    """Return the Python of the environment, which is created with all packages if it does not exist."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def read_rows(path: Path) -> dict[str, dict[str, object]]:
    """Return the rows on disk by name; a line cut off by an interruption is left out."""
    rows = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        rows[row["name"]] = row
    return rows


def check_in_process(
    python: Path, name: str, timeout: float, *, is_quick: bool
) -> dict[str, object]:
    """Return the row of one network, which is checked in a process of its own."""
    command = [str(python), str(ROOT / "benchmarks" / "network_checks.py"), name]
    command += ["--quick"] if is_quick else []
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT / "src"),
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        "HF_HUB_OFFLINE": "1",
        "PYTHONWARNINGS": "ignore",
    }
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return {"name": name, "steps": {"insert": f"failed: no result after {timeout:.0f} s"}}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"name": name, "steps": {"insert": f"failed: exit code {done.returncode}: {reason}"}}
    row: dict[str, object] = json.loads(lines[-1])
    return row


def classify(row: dict[str, object]) -> str:
    """Return `passes`, `refused` or `fails` for a row."""
    steps = row["steps"]
    assert isinstance(steps, dict)
    if any(str(result).startswith("failed") for result in steps.values()):
        return "fails"
    return "refused" if str(steps.get("insert", "")).startswith("refused") else "passes"


def is_complete(row: dict[str, object]) -> bool:
    """Return True unless a row is of a quick check."""
    steps = row["steps"]
    assert isinstance(steps, dict)
    return "compile" in steps or not str(steps["insert"]).startswith("ok")


def make_table(rows: list[dict[str, object]]) -> str:
    """Return the table by library, then the networks of which a step was refused or failed, with the reason."""
    libraries: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        libraries.setdefault(str(row["name"]).partition("/")[0], []).append(row)
    lines = [
        "| library | version | networks | pass | refused | fail | compiled and exported |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for library, group in [*libraries.items(), ("all", rows)]:
        versions = sorted({str(row["version"]) for row in group if "version" in row})
        counts = collections.Counter(map(classify, group))
        cells = [
            library,
            "" if library == "all" else ", ".join(versions),
            *map(str, (len(group), counts["passes"], counts["refused"], counts["fails"])),
            str(sum(classify(row) == "passes" and is_complete(row) for row in group)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    for row in rows:
        assert isinstance(row["steps"], dict)
        wrong = [
            f"{step}: {text}"
            for step, text in row["steps"].items()
            if not text.startswith(("ok", "left out"))
        ]
        if wrong:
            lines.append(f"\n- `{row['name']}`: {'; '.join(wrong)}")
    return "\n".join(lines)


def main() -> None:
    """Check the networks that have no row yet, or print the table of those that have."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--env", type=Path, default=Path.home() / ".cache" / "foveal-networks")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "results" / "networks.jsonl"
    )
    parser.add_argument("--only", help="names that begin with this")
    parser.add_argument(
        "--again", action="store_true", help="repeat networks that failed or were refused"
    )
    parser.add_argument("--quick", action="store_true", help="leave out compilation and export")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds per network")
    parser.add_argument("--table", action="store_true", help="print the table only")
    options = parser.parse_args()
    rows = read_rows(options.out)
    if options.table:
        print(make_table([rows[name] for name in NAMES if name in rows]))
        return
    python = make_environment(options.env)
    for name in NAMES:
        is_done = (
            name in rows
            and (options.quick or is_complete(rows[name]))
            and not (options.again and classify(rows[name]) != "passes")
        )
        if is_done or not name.startswith(options.only or ""):
            continue
        row = check_in_process(python, name, options.timeout, is_quick=options.quick)
        with options.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{name}: {classify(row)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
