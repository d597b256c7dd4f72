"""Check of a wheel: native kernels without a compiler, in folders that cannot be written.

Usage: python packaging/check_wheel.py dist/foveal-VERSION-....whl

Installs the wheel into a fresh environment, whose PATH has no compiler and whose home and cache folder do not
exist, and removes write permission. There `foveal doctor` must report the kernels of the wheel, and the
contract tests and those of the kernels must pass.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
TESTED_FILES = ("pyproject.toml", "tests/conftest.py", "tests/attention", "tests/kernels")
TESTS = ("tests/attention/test_contract.py", "tests/kernels")
NATIVE = "gate+norm+pool"


def main() -> None:
    wheel = Path(sys.argv[1]).resolve(strict=True)
    with tempfile.TemporaryDirectory(prefix="foveal-wheel-") as folder:
        temporary = Path(folder)
        installed, scratch = temporary / "installed", temporary / "scratch"
        install(wheel, installed / "venv")
        copy_tests(installed)
        scratch.mkdir()
        subprocess.run(["chmod", "--recursive", "a-w", installed], check=True)
        try:
            check_doctor(installed, scratch)
            run(installed, scratch, "-m", "pytest", *TESTS)
        finally:
            subprocess.run(["chmod", "--recursive", "u+w", installed], check=True)


def install(wheel: Path, venv: Path) -> None:
    """Install a wheel and what its tests need, torch first and by its exact version."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    torch = next(
        line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("torch==")
    )
    packages = [f"{wheel}[export,study]", "hypothesis", "pytest", "torchvision"]
    for arguments in ([torch], ["--constraint", CONSTRAINTS, *packages]):
        subprocess.run([venv / "bin/pip", "install", "--quiet", *arguments], check=True)


def copy_tests(to: Path) -> None:
    """Copy tests without the package: they must import the installed one."""
    for name in TESTED_FILES:
        source, target = ROOT / name, to / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def check_doctor(installed: Path, scratch: Path) -> None:
    """Check what `foveal doctor` says about the kernels, with and without a choice in the environment."""
    site_packages = next(installed.glob("venv/lib/python*/site-packages"))
    automatic = json.loads(run(installed, scratch, "-m", "foveal", "doctor", "--json"))
    native = json.loads(
        run(installed, scratch, "-m", "foveal", "doctor", "--json", FOVEAL_KERNELS="native")
    )
    for facts in automatic, native:
        names = ("kernels", "instruction_set", "compiler", "kernel_library", "cache")
        print({name: facts[name] for name in names})
        library = Path(facts["kernel_library"])
        assert library.parent == site_packages / "foveal/kernels/prebuilt", library
        assert facts["compiler"] == "none"
        assert not Path(facts["cache"]).exists()
    assert native["kernels"] == NATIVE


def run(installed: Path, scratch: Path, *arguments: str, **variables: str) -> str:
    """Run Python where nothing but a folder for temporary files can be written; return its output."""
    environment = {
        "PATH": str(installed / "venv/bin"),
        "HOME": str(installed / "home"),
        "TMPDIR": str(scratch),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(scratch / "hypothesis"),
        "OMP_NUM_THREADS": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }
    command = [str(installed / "venv/bin/python"), *arguments]
    if os.geteuid() == 0:  # root may write everywhere, unless it gives that capability away
        setpriv = shutil.which("setpriv")
        assert setpriv, "Install util-linux."
        command = [setpriv, "--bounding-set=-dac_override", "--", *command]
    done = subprocess.run(
        command,
        cwd=installed,
        env=environment | variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    if arguments[1] == "pytest" or done.returncode:
        print(done.stdout)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


if __name__ == "__main__":
    main()
