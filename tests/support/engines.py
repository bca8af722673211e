"""Which tests need an engine: they bear the marker ``engine``, and where it is missing they are skipped with the reason.

A test module that imports one, itself or by what it imports, or that starts workers, has the marker by that; a test
whose child process measures must bear it, or `check_marked` says so.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

FOLDERS = (Path(__file__).parents[2], Path(__file__).parents[1])  # where pytest_formfunc and support are
LIBRARIES = frozenset(
    ("torch", "openvino", "onnxruntime", "onnx", "nncf", "timm", "torchvision", "pytorchcv", "transformers")
)
WORKERS = "pytest_formfunc.measure.workers"
ALWAYS = ("torch", "openvino")  # what the marker stands for; its arguments are what a test needs beside

running: pytest.Item | None = None  # the test that runs, fixtures and all


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """Return which of the libraries a file imports as it is loaded, itself or by the files of ours that it imports.

    A test that imports what starts workers has them import the engines.
    """
    seen, waiting, found = {path}, [path], set()
    while waiting:
        file = waiting.pop()
        for name in _imports(file):
            found |= LIBRARIES & {name.partition(".")[0]}
            if name == WORKERS and file.is_relative_to(FOLDERS[1]):
                found |= set(ALWAYS)
            files = {one for one in _files_of(name) if one not in seen}
            seen |= files
            waiting += files
    return frozenset(found)


@functools.cache
def _imports(path: Path) -> tuple[str, ...]:
    """Return the modules that a file names in its own import statements, those inside of blocks left out."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _files_of(name: str) -> Iterable[Path]:
    """Return the files of ours that importing a module loads, its packages' too."""
    parts = name.split(".")
    for folder in FOLDERS if parts[0] in ("pytest_formfunc", "support") else ():
        for count in range(1, len(parts) + 1):
            module = folder.joinpath(*parts[:count])
            yield from (file for file in (module / "__init__.py", module.with_suffix(".py")) if file.is_file())


def absent(libraries: Iterable[str]) -> list[str]:
    """Return those that are not installed, sorted; none where all are needed, so that what lacks one fails."""
    if "FORMFUNC_TESTS_NEED_ALL" in os.environ:  # `make test` sets it: nothing may be skipped for want of a library
        return []
    return sorted(name for name in libraries if importlib.util.find_spec(name) is None)


def why_skipped(libraries: Iterable[str]) -> str:
    """Return the reason to skip what needs these; empty where nothing is missing."""
    names = absent(libraries)
    return f"needs {', '.join(names)}, not installed here" if names else ""


class Unimportable(pytest.Module):
    """A test module that cannot be imported here."""

    def collect(self) -> Iterable[pytest.Item]:
        pytest.skip(why_skipped(imported(self.path)), allow_module_level=True)


def mark(items: Iterable[pytest.Item]) -> None:
    """Give the marker to tests of modules that import a library, and skip those for which one is missing."""
    for item in items:
        needed = set(imported(item.path))
        for marker in item.iter_markers("engine"):
            needed |= {*ALWAYS, *marker.args}
        if needed:
            item.add_marker(pytest.mark.engine)
        if reason := why_skipped(needed):
            item.add_marker(pytest.mark.skip(reason=reason))


def needs_engine() -> bool:
    """Return whether the test that runs bears the marker."""
    return running is not None and running.get_closest_marker("engine") is not None


def check_marked() -> None:
    """Fail a test that measures and does not say so."""
    if running is not None and not needs_engine():
        pytest.fail(f"{running.nodeid} measures: mark it with pytest.mark.engine", pytrace=False)
