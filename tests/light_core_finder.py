"""An import finder that hides every installed package except the light core and its dependencies."""

import re
import sys
import sysconfig
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from typing import ClassVar

CORE = ["numpy", "safetensors", "scipy", "torch"]
SITE_PACKAGES = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}


def normalize(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def list_with_dependencies(distributions: list[str]) -> set[str]:
    """Return the names of distributions and of all that they require without extras."""
    names: set[str] = set()
    pending = [*distributions]
    while pending:
        name = normalize(pending.pop())
        if name in names:
            continue
        names.add(name)
        try:
            requirements = requires(name) or []
        except PackageNotFoundError:  # required on another operating system
            continue
        matches = [re.match(r"[\w.-]+", line) for line in requirements if "extra ==" not in line]
        pending += [match.group() for match in matches if match]
    return names


class LightCoreFinder(PathFinder):
    """The finder of `sys.path` with most of site-packages hidden."""

    hidden: ClassVar[set[str]] = set()

    @classmethod
    def find_spec(
        cls, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """Search hidden packages outside site-packages only: setuptools brings copies of some."""
        if path is None and fullname in cls.hidden:
            path = [folder for folder in sys.path if folder not in SITE_PACKAGES]
        return super().find_spec(fullname, path, target)  # type: ignore[arg-type]


def hide_optional_packages() -> None:
    """Replace the finder of `sys.path` in this process."""
    core = list_with_dependencies(CORE)
    LightCoreFinder.hidden = {
        module
        for module, distributions in packages_distributions().items()
        if module != "foveal" and core.isdisjoint(map(normalize, distributions))
    }
    sys.meta_path[sys.meta_path.index(PathFinder)] = LightCoreFinder
