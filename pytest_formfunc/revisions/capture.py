"""Get the models that another revision's tests measure, by running these tests up to where they would measure.

The tests run in a separate process, which an environment variable puts into capture mode: its ``formfunc`` fixture
writes the model and its inputs to files and then skips the test.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_formfunc import extensions
from pytest_formfunc.forms.sources import Source
from pytest_formfunc.measure.scratch import MARK_VARIABLE
from pytest_formfunc.measure.workspace import Workspace
from pytest_formfunc.policy import Planned, Policy
from pytest_formfunc.revisions.capture_mode import CAPTURE_VARIABLE
from pytest_formfunc.revisions.environment import link_harness

_LIST = "captured.jsonl"
_EXTENSIONS = "extensions.pickle"


# Options that are not passed on, because they would overwrite the user's files, end the run early, or use several
# processes.
_LEFT_OUT_FLAGS = (
    "--formfunc-strict", "--formfunc-list", "--benchmark-disable", "--benchmark-enable", "--benchmark-only",
    "--benchmark-skip", "--benchmark-autosave", "--benchmark-save-data", "--benchmark-disable-gc", "--benchmark-quiet",
    "--benchmark-verbose", "-x", "--exitfirst", "--lf", "--last-failed", "--ff", "--failed-first", "--nf",
    "--new-first", "--sw", "--stepwise", "--pdb", "--no-cov", "--cache-clear",
)  # fmt: skip
_LEFT_OUT = (
    "--junitxml", "--junit-xml", "--junit-prefix", "--html", "--report-log", "--log-file", "--basetemp", "--maxfail",
    "-n", "--numprocesses", "--dist", "--cov", "--cov-report", "--cov-config", "--rootdir",
    "--cache-show", "--lfnf", "--last-failed-no-failures", "-k", "-m",
)  # fmt: skip


@dataclass(frozen=True)
class Selection:
    """Which tests of another revision correspond to those of this run.

    Attributes:
        arguments: arguments for pytest.
        any: whether any tests may correspond, that is, no paths were named or at least one of them exists there.
        single: the starts of the ids of what was named, where single tests were: the others of their files were left
            out on purpose. Empty where none was.
        partial: whether tests are left out by how they ended before, which the other revision does not know.
        added: further arguments, as ``PYTEST_ADDOPTS`` has them.
    """

    arguments: tuple[str, ...]
    any: bool
    single: tuple[str, ...]
    partial: bool = False
    added: str = ""


def without_left_out(given: Sequence[str]) -> list[str]:
    """Return arguments without the options, and their values, that are not passed on to another revision's tests.

    >>> without_left_out(["-q", "--formfunc-against", "main", "--benchmark-json=a.json", "--width", "8", "-n4"])
    ['-q', '--width', '8']
    """
    kept = []
    waiting = list(given)
    while waiting:
        one = waiting.pop(0)
        name, equals, _ = one.partition("=")
        if name.startswith(("--formfunc-", "--benchmark-")) or name in (*_LEFT_OUT, *_LEFT_OUT_FLAGS):
            if not equals and name not in _LEFT_OUT_FLAGS and waiting and not waiting[0].startswith("-"):
                waiting.pop(0)
        elif not (one.startswith("-n") and one[2:].isdigit()) and not (one[:2] in ("-k", "-m") and one[2:]):
            kept.append(one)
    return kept


def note_planned(folder: Path, planned: Sequence[Planned], settings: Mapping[str, Any]) -> None:
    """Write down which tests measure, what fails each of them, and the settings of the whole run."""
    _note(folder, {"planned": [asdict(one) for one in planned], "settings": dict(settings)})


def note_captured(folder: Path, group: str, source: Any) -> None:
    """Write down the source of the model that a group of tests measures."""
    _note(folder, {"group": group, "source": base64.b64encode(pickle.dumps(source)).decode()})


def note_failed(folder: Path, group: str, reason: str) -> None:
    """Write down why a group of tests failed before it measured anything."""
    _note(folder, {"group": group, "reason": reason})


def _note(folder: Path, entry: dict[str, Any]) -> None:
    with open(folder / _LIST, "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def entries_of_run(folder: Path) -> extensions.Extensions:
    """Return the added entries of the comparing run, which are used in place of the other revision's."""
    entries: extensions.Extensions = pickle.loads((folder / _EXTENSIONS).read_bytes())
    return entries


@dataclass(frozen=True)
class Captured:
    """What the other revision's tests measure.

    Attributes:
        sources: the source of the model that each group of tests measures, by the group's name.
        failures: why a group of tests failed before it measured anything, by the group's name.
        problem: why nothing could be collected, or an empty string.
        planned: its tests that measure.
        settings: of its whole run, as its ini file and its code have them.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    planned: tuple[Planned, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def broken_files(self) -> list[str]:
        """Return the files, relative to the root folder, that could not be collected."""
        return [name for name in self.failures if name.endswith(".py")]


def capture_models(
    workspace: Workspace, selection: Selection, folder: Path, limit_s: float, mark: str = ""
) -> Captured:
    """Run another revision's tests up to where they would measure, and return their models.

    Args:
        workspace: the workspace of that revision.
        selection: which of them.
        folder: an existing folder to write models into.
        limit_s: most seconds that the tests may take.
        mark: names this run in the environment of all processes that it starts.
    """
    (folder / _EXTENSIONS).write_bytes(pickle.dumps(extensions.current()))
    harness = link_harness(folder / "harness")  # the tests use this revision's plugin, not the other's
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
    if "PYTEST_DISABLE_PLUGIN_AUTOLOAD" in os.environ:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
    environment |= {
        CAPTURE_VARIABLE: str(folder),
        MARK_VARIABLE: mark,
        "PYTHONPATH": os.pathsep.join([str(harness), *(workspace.sys_path or ())]),
    }
    if selection.added:
        environment["PYTEST_ADDOPTS"] = selection.added
    command = [sys.executable, "-m", "pytest", *selection.arguments]
    try:
        done = subprocess.run(
            command, cwd=workspace.cwd, env=environment, capture_output=True, text=True, check=False, timeout=limit_s,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        fine = done.returncode in (0, 5) or (done.returncode == 1 and (folder / _LIST).is_file())
        problem = "" if fine else _first_error(done.stdout + done.stderr)
    except subprocess.TimeoutExpired:
        problem = f"its tests did not reach their measurements within {limit_s:g}s"
    return _read(folder, problem)


def _read(folder: Path, problem: str) -> Captured:
    captured = Captured(problem=problem)
    path = folder / _LIST
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
        except ValueError:  # cut off by a full disk, or where it was killed
            continue
        if "planned" in entry:
            planned = tuple(Planned(**{**one, "policy": _policy(one["policy"])}) for one in entry["planned"])
            captured = replace(captured, planned=planned, settings=entry["settings"])
        elif "reason" in entry:
            captured.failures[entry["group"]] = entry["reason"]
        else:
            # Safe to unpickle: a process that this run started wrote it into a folder of this run.
            captured.sources[entry["group"]] = pickle.loads(base64.b64decode(entry["source"]))
    return captured


def _policy(entry: Mapping[str, Any]) -> Policy:
    return Policy(**{**entry, "fail_on": tuple(entry["fail_on"])})


def _first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith(("E  ", "ERROR", "INTERNALERROR"))]
    return (lines[0].removeprefix("E").strip() if lines else "pytest ended unexpectedly")[:300]
