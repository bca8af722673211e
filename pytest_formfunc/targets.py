"""Classes that are named as ``package.module:Class``: import them with clear errors, and digest their source code."""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import MeasurementError, one_line

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def is_target(text: str) -> bool:
    """Return whether a text has the form of a target.

    >>> is_target("package.module:Class"), is_target("package.module.Class"), is_target(":Class")
    (True, False, False)
    """
    return _TARGET.fullmatch(text) is not None


def load_target(target: str, what: str) -> Any:
    """Import a target's module and return what the target names.

    Args:
        target: ``package.module:Class``.
        what: start of the error message, such as ``backend 'name'``.

    Raises:
        MeasurementError: the module does not import, or has no such name.
    """
    module_name, _, attribute = target.partition(":")
    try:
        module = import_module(module_name)
    except Exception as error:  # importing runs the author's code, which may raise anything
        raise MeasurementError(f"{what} ({target}) does not import: {one_line(error)}") from error
    if not hasattr(module, attribute):
        raise MeasurementError(f"{what} ({target}): module {module_name} has no {attribute!r}")
    return getattr(module, attribute)


@functools.cache
def digest_code(target: str) -> str:
    """Digest the source code behind an imported target.

    The digest covers the target's whole top-level package or its single file. Where that is not installed in
    site-packages, it also covers the packages and modules in the same folder that this code imports, recursively.
    Code elsewhere is not covered: the version of its distribution identifies it.
    """
    top_name = target.partition(":")[0].partition(".")[0]
    origin = getattr(sys.modules.get(top_name), "__file__", None)
    places = getattr(sys.modules.get(top_name), "__path__", ())  # a namespace package may have several
    roots = [Path(place) for place in places] or ([Path(origin)] if origin else [])
    digest = hashlib.sha256()
    for file in sorted(_files_behind(roots)):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _files_behind(roots: list[Path]) -> set[Path]:
    """Return the source files of packages and modules, and of those in the same folder that they import."""
    found: set[Path] = set()
    waiting = list(roots)
    while waiting:
        root = waiting.pop()
        files = set(root.rglob("*.py")) if root.is_dir() else {root}
        new = {file for file in files if file.is_file()} - found
        found |= new
        folder = root.parent
        if {"site-packages", "dist-packages"} & set(folder.parts):
            continue
        for name in {name for file in new for name in _imported(file)}:
            beside = [folder / name, folder / f"{name}.py"]
            waiting += [path for path in beside if path not in found and _is_code(path)]
    return found


def _is_code(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.glob("*.py")))


def _imported(file: Path) -> Iterator[str]:
    """Yield the top-level names that a source file imports, inside functions too."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return  # a template, or not for this version of Python
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
