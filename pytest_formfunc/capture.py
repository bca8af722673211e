"""The models that another revision's tests measure: its tests run in a process of their own, up to where they measure.

The child is told by an environment variable; its ``formfunc`` fixture writes model and inputs down and skips the test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_formfunc
from pytest_formfunc.forms.sources import ModuleSource
from pytest_formfunc.measure.sides import Side

_FOLDER = "PYTEST_FORMFUNC_CAPTURE"
_LIST = "captured.jsonl"


def capture_folder() -> Path | None:
    """Return where this process is to write models down, or None where it is to measure them."""
    folder = os.environ.get(_FOLDER)
    return Path(folder) if folder else None


def note_captured(folder: Path, group: str, source: Any) -> None:
    """Note which model a group of tests measures."""
    _note(folder, {"group": group, "path": source.path, "inputs_path": source.inputs_path})


def note_failed(folder: Path, group: str, reason: str) -> None:
    """Note why a group of tests did not come to measure."""
    _note(folder, {"group": group, "reason": reason})


def _note(folder: Path, entry: dict[str, str]) -> None:
    with open(folder / _LIST, "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


@dataclass(frozen=True)
class Captured:
    """What the other revision's tests measure.

    Attributes:
        sources: by the tests' group.
        failures: why a group's test did not come to measure.
        problem: why nothing could be collected, or an empty text.
    """

    sources: dict[str, ModuleSource]
    failures: dict[str, str]
    problem: str


def capture_models(side: Side, tests: Sequence[Path], options: Sequence[str], folder: Path, limit_s: float) -> Captured:
    """Run another revision's tests up to where they measure.

    Args:
        side: that revision's code.
        tests: its test files.
        options: pytest's options.
        folder: where to write models; must exist.
        limit_s: how long all of it may take.
    """
    present = [str(path) for path in tests if path.is_file()]
    if not present:
        return Captured({}, {}, "")
    harness = folder / "harness"  # this revision's plugin, whatever the other revision's import path has
    harness.mkdir()
    (harness / "pytest_formfunc").symlink_to(Path(pytest_formfunc.__file__).parent, target_is_directory=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
    environment |= {_FOLDER: str(folder), "PYTHONPATH": os.pathsep.join([str(harness), *(side.sys_path or ())])}
    command = [sys.executable, "-m", "pytest", *options, *present]
    try:
        done = subprocess.run(
            command, cwd=side.cwd, env=environment, capture_output=True, text=True, check=False, timeout=limit_s,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        problem = _first_error(done.stdout + done.stderr) if done.returncode not in (0, 1, 5) else ""
    except subprocess.TimeoutExpired:
        problem = f"its tests did not come to measure within {limit_s:g}s"
    return _read(folder, problem)


def _read(folder: Path, problem: str) -> Captured:
    captured = Captured({}, {}, problem)
    path = folder / _LIST
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        entry = json.loads(line)
        if "reason" in entry:
            captured.failures[entry["group"]] = entry["reason"]
        else:
            captured.sources[entry["group"]] = ModuleSource(entry["path"], entry["inputs_path"])
    return captured


def _first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith(("E  ", "ERROR", "INTERNALERROR"))]
    return (lines[0].removeprefix("E").strip() if lines else "pytest ended unexpectedly")[:300]
