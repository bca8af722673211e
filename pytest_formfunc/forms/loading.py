"""Import what an entry of a table names: a bundled form's class, or one that others added."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pytest_formfunc.registry import Table
from pytest_formfunc.targets import load_target


def load_entry(table: Table[Any], name: str, package: str) -> Any:
    """Return what an entry names; this is where torch gets loaded.

    Args:
        table: of the entry.
        name: of the entry.
        package: what the modules of bundled entries are relative to.

    Raises:
        BadInput: there is no such entry.
        MeasurementError: an added entry's module does not import, or lacks what the entry names.
    """
    entry = table.entry(name)
    if table.is_added(name):
        return load_target(entry.target, f"{table.what} {name!r}")
    module_name, _, class_name = entry.target.partition(":")
    return getattr(import_module(f"{package}.{module_name}"), class_name)
