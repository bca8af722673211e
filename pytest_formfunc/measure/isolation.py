"""Control whose code a worker imports: another revision's ``forms``, and nothing from the user's own tree."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.workspace import Workspace


def use_forms(folder: Path) -> None:
    """Put another revision's ``forms`` package in place of the installed one; all other code stays this revision's."""
    name = "pytest_formfunc.forms"
    for loaded in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
        del sys.modules[loaded]
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.modules["pytest_formfunc"].forms = module  # type: ignore[attr-defined]
    spec.loader.exec_module(module)


def check_whose_code(workspace: Workspace) -> None:
    """Raise an error if a worker of another revision imported the user's code from somewhere else than that revision.

    An import hook (of some editable installs) or code that extends ``sys.path`` may lead there. A revision would then
    be compared with itself. So it would be with a package that the revision has and that is installed as a copy.

    Raises:
        MeasurementError: it did; the message names the module.
    """
    if workspace.trees is None:
        return
    mine, other = map(Path, workspace.trees)
    harness = Path(__file__).parents[1]  # this revision's, on both sides
    copies_matter = workspace.environment is None  # else it has the packages that it is to be measured with
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        # There are thousands of modules to look at in each launch: making a path object of each would be too slow.
        if not file:
            continue
        if copies_matter and "-packages" in file and "." not in name and (copied := _of_the_tree(name, file, other)):
            raise MeasurementError(
                f"{name} is imported from an installed copy, though the repository has {copied}: both sides would run "
                "the same code, so install it in editable mode (pip install -e .), or give --formfunc-against-env"
            )
        if not file.startswith(f"{mine}{os.sep}"):
            continue
        path = Path(file)
        if not (path.is_relative_to(harness) or path.is_relative_to(other) or is_installed(path, mine)):
            raise MeasurementError(
                f"module {name} was imported from the working tree ({path.relative_to(mine)}) and not from the other "
                "revision: it is found by an import hook or a path set in code"
            )


def _of_the_tree(name: str, file: str, tree: Path) -> str:
    """Return where a tree has the top-level package or module that was imported from ``site-packages``, or nothing."""
    if name == "pytest_formfunc" or not any(part in ("site-packages", "dist-packages") for part in Path(file).parts):
        return ""
    ending = f"{name}/__init__.py" if Path(file).name == "__init__.py" else f"{name}.py"
    return next((f"{start}{ending}" for start in ("src/", "") if (tree / start / ending).is_file()), "")


def is_installed(path: Path, top: Path) -> bool:
    """Return whether a path in the user's tree belongs to a virtual environment there, not to the sources."""
    if any(part in ("site-packages", "dist-packages") for part in path.parts):
        return True
    prefixes = [Path(prefix).resolve() for prefix in {sys.prefix, sys.base_prefix}]
    return any(path.is_relative_to(prefix) for prefix in prefixes if top in prefix.parents)
