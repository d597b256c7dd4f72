"""Imports follow the table of `docs/rooms.toml`, without cycles, and private names stay in their room."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
TABLE = tomllib.loads((ROOT / "docs" / "rooms.toml").read_text(encoding="utf-8"))
ROOMS: dict[str, dict[str, object]] = TABLE["rooms"]
TOPS: dict[str, str] = TABLE["tops"]
LEAVES: dict[str, str] = TABLE["leaves"]
ENTRY_POINTS = {"__init__", "__main__"}
TORCH_FREE = [
    "foveal",
    *(f"foveal.{room}" for room in ("records", "stats", "analysis", "plotting", "report", "cli")),
]


class Import(NamedTuple):
    """One imported name: the importing module, the imported module, the name."""

    source: str
    target: str
    name: str


def find_modules() -> dict[str, Path]:
    modules = {}
    for path in (SOURCE / "foveal").rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def read_imports(module: str, path: Path, known: set[str]) -> set[Import]:
    """Return the imports from this package that a file contains at any level."""
    imports = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imports |= {Import(module, alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} has a relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                target = submodule if submodule in known else node.module
                imports.add(Import(module, target, alias.name))
    return {each for each in imports if each.target in known}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


MODULES = find_modules()
IMPORTS = sorted(
    each for name, path in MODULES.items() for each in read_imports(name, path, set(MODULES))
)
EDGES = sorted({(each.source, each.target) for each in IMPORTS})


def is_allowed(source: str, target: str) -> bool:
    """Return whether a module of room `source` may import one of room `target`."""
    if source == target or target in LEAVES:
        return True
    if source == "__main__":
        return target == "cli"
    if target in TOPS:
        return (source, target) == ("cli", "web")
    if target in ENTRY_POINTS:  # the version and nothing else
        return source in {"study", *TOPS}
    if source in {"__init__", *TOPS}:
        return True
    return source in ROOMS and target in ROOMS[source]["imports"]  # type: ignore[operator]


def has_cycle(edges: list[tuple[str, str]]) -> bool:
    graph: dict[str, set[str]] = {}
    for source, target in edges:
        graph.setdefault(source, set()).add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False


def table_lines() -> list[str]:
    """Return the table of rooms as CONTRIBUTING shows it."""
    lines = ["| room | job | may import |", "| --- | --- | --- |"]
    for room, entry in ROOMS.items():
        imports = entry["imports"]
        assert isinstance(imports, list)
        lines.append(f"| `{room}/` | {entry['job']} | {', '.join(imports) or '-'} |")
    lines += [f"| `{room}/` | {job} | everything |" for room, job in TOPS.items()]
    return lines


def test_table_lists_every_room_and_leaf() -> None:
    rooms = {room_of(name) for name in MODULES}
    assert rooms == {*ROOMS, *TOPS, *LEAVES, *ENTRY_POINTS}


def test_rooms_are_listed_in_the_direction_of_imports() -> None:
    order = list(ROOMS)
    for room, entry in ROOMS.items():
        assert {str(name) for name in entry["imports"]} <= set(order[: order.index(room)])  # type: ignore[attr-defined]


@pytest.mark.parametrize(("source", "target"), EDGES)
def test_import_is_allowed(source: str, target: str) -> None:
    assert is_allowed(room_of(source), room_of(target)), f"{source} may not import {target}"


def test_forbidden_imports_are_recognized() -> None:
    assert not is_allowed("report", "study")
    assert not is_allowed("records", "analysis")
    assert not is_allowed("errors", "models")
    assert not is_allowed("report", "web")
    assert is_allowed("report", "errors")


def test_modules_import_each_other_in_one_direction() -> None:
    assert not has_cycle(EDGES)
    assert has_cycle([("a", "b"), ("b", "c"), ("c", "a")])


def test_private_names_stay_in_their_room() -> None:
    crossing = [
        each
        for each in IMPORTS
        if re.match(r"_(?!_)", each.name) and room_of(each.source) != room_of(each.target)
    ]
    assert crossing == []


def test_contributing_shows_the_table() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "\n".join(table_lines()) in text
    assert all(f"`{leaf}`" in text for leaf in LEAVES)


def test_web_is_imported_inside_its_command_only() -> None:
    tree = ast.parse(MODULES["foveal.cli.serve"].read_text(encoding="utf-8"))
    top = ast.Module([node for node in tree.body if not isinstance(node, ast.FunctionDef)], [])
    assert "foveal.web" in ast.unparse(tree)
    assert "foveal.web" not in ast.unparse(top)


@pytest.mark.parametrize("name", TORCH_FREE)
def test_import_does_not_load_torch(name: str) -> None:
    modules = (
        [each for each in MODULES if each.startswith(name + ".")]
        if name not in {"foveal", "foveal.cli"}
        else []
    )
    code = f"import sys, {', '.join([name, *sorted(modules)])}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or f"{name} imports torch"
