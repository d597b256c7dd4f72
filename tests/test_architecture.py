"""The imports run one way, as the table says, and in no circle."""

import ast
import subprocess
import sys
from pathlib import Path

import networkx
import pytest

SOURCE = Path(__file__).parents[1] / "src"
PACKAGE = SOURCE / "foveal"

# What each room may import; the leaves stand below all of them.
LEAVES = {
    "atomic",
    "cache_folder",
    "errors",
    "lazy",
    "machine",
    "module_modes",
    "overlap",
    "seeding",
    "text_tables",
    "user_imports",
}
MAY_IMPORT: dict[str, set[str]] = {
    "kernels": set(),
    "attention": {"kernels"},
    "models": {"attention", "kernels"},
    "data": set(),
    "evaluation": set(),
    "records": set(),
    "training": {"kernels", "evaluation", "records"},
    "explanation": {"attention", "kernels", "plotting"},
    "cost": {"attention"},
    "stats": set(),
    "study": {
        "analysis",
        "attention",
        "models",
        "data",
        "evaluation",
        "records",
        "training",
        "explanation",
        "cost",
        "stats",
    },
    "analysis": {"records", "stats"},
    "plotting": set(),
    "report": {"records", "stats", "analysis", "plotting"},
}
ANYTHING = {"cli", "web", "__main__", "__init__"}
SHUT = {"web": {"cli"}}  # who may import a room that nobody else may


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: set[str]) -> set[str]:
    """Return the modules of the package that a file imports, wherever in the file it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} has a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
    return found & known


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


KNOWN = modules()
EDGES = sorted((name, to) for name, path in KNOWN.items() for to in imports(path, set(KNOWN)))


def test_every_room_is_in_the_table() -> None:
    rooms = {room(name) for name in KNOWN}
    assert rooms == set(MAY_IMPORT) | LEAVES | (ANYTHING & rooms)


@pytest.mark.parametrize(("source", "target"), EDGES)
def test_edge_is_allowed(source: str, target: str) -> None:
    here, there = room(source), room(target)
    if here != there:
        assert here in SHUT.get(there, {here}), f"{source} may not import {target}"
    if here in ANYTHING or here == there or there in LEAVES:
        assert here not in LEAVES or here == there or there in LEAVES
        return
    if there == "__init__":  # the version, and nothing else, comes from the top
        assert here in {"study"}
        return
    assert there in MAY_IMPORT[here], f"{source} may not import {target}"


def test_no_cycle() -> None:
    graph = networkx.DiGraph(EDGES)
    assert list(networkx.simple_cycles(graph)) == []


def test_the_page_is_imported_inside_its_command_alone() -> None:
    tree = ast.parse(KNOWN["foveal.cli.serve"].read_text())
    top = ast.Module([node for node in tree.body if not isinstance(node, ast.FunctionDef)], [])
    assert "foveal.web" in ast.unparse(tree)
    assert "foveal.web" not in ast.unparse(top)


@pytest.mark.parametrize("name", ["foveal", "foveal.records", "foveal.report", "foveal.cli"])
def test_imports_without_torch(name: str) -> None:
    code = f"import sys, {name}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or f"{name} imports torch"
