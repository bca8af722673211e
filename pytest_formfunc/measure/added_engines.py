"""Engines that others added, as a worker prepares artifacts: which can be used, and what artifacts hang on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_formfunc.backends import NATIVE, backend_entry
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.targets import digest_code


def sort_out(engines: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Import engines; return those that can be used, and why others cannot be, both by backend.

    Args:
        engines: engine by backend, native among them.

    Raises:
        MeasurementError: what stands for native is among the others, or two engines would share an artifact that they
            make differently.
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
    """Return a text that changes with the code of the added engines among these; empty where there is none."""
    entries = {engine: backend_entry(engine) for engine in sorted(engines.values())}
    return "".join(f"|{name}:{digest_code(entry.target)}" for name, entry in entries.items() if entry.added)


def _check_shared_artifacts(engines: Mapping[str, str]) -> None:
    """Make sure that an added engine makes a file as the others do that name theirs so: only one of them makes it."""
    makers: dict[str, tuple[str, Any]] = {}
    for engine in engines.values():
        entry = backend_entry(engine)
        loaded = entry.engine_class()
        function = getattr(loaded.prepare, "__func__", loaded.prepare)
        name = loaded.artifact_name(1)  # for any number of threads alike
        other, made_by = makers.setdefault(name, (engine, function))
        if function is not made_by and (entry.added or backend_entry(other).added):
            raise MeasurementError(
                f"backends {other!r} and {engine!r} both call their artifact {name} and make it "
                "differently: one of them must call it something else"
            )
