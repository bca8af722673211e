"""A user's project, run by pytest in a separate process."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from support import quick_pytest
from support.engines import check_marked, needs_engine
from support.warm_pytest import warm_pytest


def _heed_ctrl_c() -> None:
    """Undo ignored signals, which a shell's background processes and those of nohup inherit; for a new child process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _command(as_user: bool) -> list[str]:
    return [sys.executable, "-m", "pytest"] if as_user else [sys.executable, quick_pytest.__file__]


def _for_workers(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the option that also gives xdist workers what `Quick` does."""
    return quick_pytest.FOR_WORKERS if {"-n", "--tx"} & {*args} and "--formfunc-against" not in args else ()


# What a run imports that names our options, and one that measures, or whose tests do.
LIGHT = ("numpy", "pytest_formfunc.settings", "pytest_formfunc.plugin.collection")
HEAVY = (*LIGHT, "pytest_formfunc.run.run", "pytest_formfunc.report.terminal", "torch")


@dataclass
class Outcome:
    """How a pytest run ended."""

    code: int
    text: str

    def row(self, case: str) -> str:
        """Return a case's row of the report's first table."""
        return next(line for line in self.text.splitlines() if re.match(rf"{re.escape(case)} +[\d-]", line))

    def line(self, start: str) -> str:
        """Return the first line with this start."""
        return next(line for line in self.text.splitlines() if line.startswith(start))


def users_environment() -> dict[str, str]:
    """Return this process' environment without the variables of CI and of the pytest that runs these tests."""
    return {key: value for key, value in os.environ.items() if key != "CI" and not key.startswith("PYTEST_")}


class Project:
    """A user's folder with tests; each run is a new process, as for a user."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.cache = cache

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def pytest(
        self,
        *args: str,
        timeout: float = 240,
        env: dict[str, str] | None = None,
        fresh: bool = False,
        as_user: bool = False,
    ) -> Outcome:
        """Run pytest in a process of its own: a fork of one that has imported it, or, ``fresh``, a new interpreter.

        Where it measures it has the plugin `Quick`, unless it is to be exactly ``as`` a ``user``'s.
        """
        environment = users_environment() | {"COLUMNS": "100"} | (env or {})
        args = ("-p", "no:cacheprovider", *args)
        if needs_engine() and not as_user:
            args = (*_for_workers(args), *args)
        if fresh or "PYTHONPATH" in (env or {}):
            done = subprocess.run(
                [*_command(as_user), *args],
                cwd=self.folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False,
            )  # fmt: skip
            return Outcome(done.returncode, done.stdout + done.stderr)
        warm = warm_pytest(*(HEAVY if needs_engine() else LIGHT))
        quick = needs_engine() and not as_user
        return Outcome(*warm.run(list(args), self.folder, environment, timeout, quick=quick))

    def start(self, *args: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start pytest in a new interpreter and do not wait: for tests that send a signal."""
        args = ("-p", "no:cacheprovider", "--formfunc-servers", "3", f"--formfunc-cache-dir={self.cache}", *args)
        args = (*_for_workers(args), *args)
        return subprocess.Popen(
            [*_command(as_user=False), *args], cwd=self.folder, env=users_environment() | (env or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, preexec_fn=_heed_ctrl_c,
        )  # fmt: skip

    def measure(self, *args: str, **kwargs) -> Outcome:
        """Run with little effort: these tests check messages and records, not speed.

        It uses one thread, because two threads on a busy machine wait milliseconds for each other, and as few servers
        as there may be.
        """
        check_marked()
        return self.pytest(
            "--formfunc-threads", "1", "--formfunc-input", "1x3x32x32", "--formfunc-budget", "300ms", "--formfunc-precision", "20%",
            "--formfunc-servers", "3", f"--formfunc-cache-dir={self.cache}", *args, **kwargs,
        )  # fmt: skip

    def saved(self) -> list[Path]:
        return sorted(self.folder.glob(".benchmarks/*/*.json"))

    def failures(self, path: str = "junit.xml") -> dict[str, str]:
        """Return each failed test's name and sentence, as a run wrote them with --junitxml."""
        cases = ElementTree.parse(self.folder / path).getroot().iter("testcase")
        return {
            case.get("name"): one.get("message")
            for case in cases
            for one in (*case.iter("failure"), *case.iter("error"))
        }

    def records(self, path: Path | str) -> dict[tuple[str, str], dict]:
        entries = json.loads((self.folder / path).read_text())["benchmarks"]
        found = [entry["extra_info"]["formfunc"] for entry in entries]
        return {(record["case"], record["backend"]): record for record in found}


def calm(document: dict) -> dict:
    """Replace a saved run's rounds by values scattered 1% around their median, to keep out a busy machine's noise."""

    def calmed(launches):
        middle = statistics.median(value for launch in launches for value in launch)
        return [[middle * (1 + 0.01 * ((3 * row + column) % 5 - 2)) for column in range(6)] for row in range(4)]

    for entry in document["benchmarks"]:
        record = entry["extra_info"]["formfunc"]
        for key in record:
            if key.removesuffix("_low").endswith("samples"):
                record[key] = calmed(record[key])
        record["servers"] = [0, 1, 2, 3]
    return document


def lose_a_kernel(path: Path, case: str) -> None:
    """Let a saved run have executed one kernel less for a case on OpenVINO, and say nothing of its fitness."""
    document = json.loads(path.read_text())
    document.pop("formfunc", None)
    for entry in document["benchmarks"]:
        record = entry["extra_info"]["formfunc"]
        if (record["case"], record["backend"]) == (case, "openvino"):
            record["graph"]["hash"] = "other"
            record["graph"]["kernels"][next(iter(record["graph"]["kernels"]))] -= 1
    path.write_text(json.dumps(document))


def speed_up(record: dict, times: float) -> None:
    """Make the accelerated side of a saved record so many times as fast as it was."""
    for name in ("samples", "samples_low"):
        record[name] = [[value / times for value in launch] for launch in record[name]]
    for name, factor in (("speedup", times), ("speedup_memory_kept", times), ("typical_s", 1 / times)):
        record[name] = {**record[name], **{end: record[name][end] * factor for end in ("value", "low", "high")}}


MATRIX = """
def test_form(formfunc, formfunc_case, formfunc_backend):
    formfunc(formfunc_case)
"""


NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, {out}, 3, padding=1))

    def forward(self, x):
        return self.body(x).mean((2, 3))


def build():
    return Net()
"""
OWN_TEST = """
import torch
from mynets.net import Net


def test_net(formfunc):
    torch.manual_seed(0)
    result = formfunc(Net(), torch.randn(1, 3, 32, 32))
    print("VERDICT", result.record.verdict.reason)
"""


def own_test(network: str, name: str = "", decorator: str = "") -> str:
    """Return a file with a user's test of one of the networks in ``mynets``; named like it where no name is given."""
    text = OWN_TEST.replace("mynets.net", f"mynets.{network}")
    return text.replace("def test_net(", f"{decorator}\ndef test_{name or network}(")


def make_bench(project: Project) -> Project:
    """Make a project whose one file measures the matrix."""
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_forms.py", MATRIX)
    return project


def make_repository(project: Project) -> Project:
    """Give a project a network, a test of it, and one commit, tagged v1."""
    project.write("pytest.ini", "[pytest]\npythonpath = src\n")
    project.write(".gitignore", "__pycache__\n")
    project.write("src/mynets/__init__.py", "")
    project.write("src/mynets/net.py", NET.format(out=8))
    project.write("test_net.py", OWN_TEST)
    git(project.folder, "init", "-q", "-b", "main")
    git(project.folder, "add", "-A")
    git(project.folder, "commit", "-qm", "one")
    git(project.folder, "tag", "v1")
    return project


def git(folder, *args):
    return subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *args],
        cwd=folder, check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
