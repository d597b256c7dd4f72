"""The light core: insert, modules, cost, occlusion and statistics without any extra."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
SCRIPT = TESTS / "light_core_script.py"
NEED_STUDY = [
    "import foveal.cli",
    "import foveal.data",
    "import foveal.report",
    "import foveal.study",
    "import foveal.training",
    "from foveal.models import save_model",
    "from foveal.plotting import draw_gate_maps",
]


def run_in_light_core(code: str) -> subprocess.CompletedProcess[str]:
    hide = "from light_core_finder import hide_optional_packages; hide_optional_packages()"
    setup = f"import sys; sys.path.append({str(TESTS)!r}); {hide}\n"
    return subprocess.run(
        [sys.executable, "-c", setup + code], capture_output=True, text=True, check=False
    )


def test_light_core_needs_no_extra() -> None:
    done = run_in_light_core(f"import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')")
    assert done.returncode == 0, done.stderr
    assert "occlusion map (4, 32, 32)" in done.stdout
    assert "points is above 0" in done.stdout


def test_errors_name_the_extra() -> None:
    attempts = (
        f"try:\n    {line}\nexcept ImportError as error:\n    print(error)" for line in NEED_STUDY
    )
    done = run_in_light_core("\n".join(attempts))
    assert done.returncode == 0, done.stderr
    messages = done.stdout.splitlines()
    assert len(messages) == len(NEED_STUDY)
    for message in messages:
        assert message.startswith("`")
        assert message.endswith(
            '` cannot be imported. Install it with: pip install "foveal[study]"'
        )


def test_command_names_the_extra() -> None:
    done = run_in_light_core("import foveal.__main__ as command; sys.exit(command.start())")
    assert done.returncode == 2
    assert done.stderr.startswith("foveal: `")
    assert done.stderr.endswith('pip install "foveal[study]"\n')
    assert done.stderr.count("\n") == 1
