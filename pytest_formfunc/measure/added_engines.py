"""Engines that others added, as a worker prepares artifacts: which are usable, and what their artifacts depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_formfunc.backends import NATIVE, backend_entry
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.targets import digest_code


def sort_out(engines: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Import engines and separate those that can be used from those that cannot.

    Args:
        engines: name of the engine that executes each backend, native included.

    Returns:
        The usable ones of ``engines``, and the reasons why the others cannot be used, both by backend.

    Raises:
        MeasurementError: the engine that is measured as native cannot be used, or two engines would share an artifact
            that they make differently.
    """
    usable, unusable = {}, {}
    for backend, engine in engines.items():
        try:
            backend_entry(engine).engine_class()
            usable[backend] = engine
        except MeasurementError as error:
            unusable[backend] = str(error)
    if NATIVE in unusable:
        raise MeasurementError(unusable[NATIVE])
    _check_shared_artifacts(usable)
    return usable, unusable


def code_of(engines: Mapping[str, str]) -> str:
    """Return a string that changes with the code of the added engines among these; empty if there are none."""
    entries = {engine: backend_entry(engine) for engine in sorted(engines.values())}
    return "".join(f"|{name}:{digest_code(entry.target)}" for name, entry in entries.items() if entry.added)


def _check_shared_artifacts(engines: Mapping[str, str]) -> None:
    """Raise an error if an added engine and another one give different files the same name: only one would be made."""
    makers: dict[str, tuple[str, Any]] = {}
    for engine in engines.values():
        entry = backend_entry(engine)
        loaded = entry.engine_class()
        function = getattr(loaded.prepare, "__func__", loaded.prepare)
        name = loaded.artifact_name(1)  # the number of threads does not matter here
        other, made_by = makers.setdefault(name, (engine, function))
        if function is not made_by and (entry.added or backend_entry(other).added):
            raise MeasurementError(
                f"backends {other!r} and {engine!r} both call their artifact {name} and make it "
                "differently: one of them must call it something else"
            )
