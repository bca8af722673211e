"""Shared helpers: a project of a user's, run by a pytest of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


def heed_ctrl_c() -> None:
    """Undo an ignored SIGINT, which processes in a shell's background inherit: to be called in a new child."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Outcome:
    """How a pytest run ended."""

    code: int
    text: str

    def line(self, start: str) -> str:
        """Return the first line that starts so."""
        return next(line for line in self.text.splitlines() if line.startswith(start))


class Project:
    """A user's folder with tests; each run is a process of its own, as a user's is."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.cache = cache

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def pytest(self, *args: str, timeout: float = 240, env: dict[str, str] | None = None) -> Outcome:
        environment = {key: value for key, value in os.environ.items() if key not in ("CI", "PYTEST_ADDOPTS")}
        environment |= {"COLUMNS": "100"} | (env or {})
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout + done.stderr)

    def measure(self, *args: str, **kwargs) -> Outcome:
        """Run with small effort: these tests check what is said, not how fast anything is.

        One thread, because two on a busy machine wait for each other by the millisecond.
        """
        return self.pytest(
            "--formfunc-threads", "1", "--formfunc-input", "1x3x32x32", "--formfunc-budget", "1s", "--formfunc-precision", "20%",
            f"--formfunc-cache-dir={self.cache}", *args, **kwargs,
        )  # fmt: skip

    def saved(self) -> list[Path]:
        return sorted(self.folder.glob(".benchmarks/*/*.json"))

    def records(self, path: Path | str) -> dict[tuple[str, str], dict]:
        entries = json.loads((self.folder / path).read_text())["benchmarks"]
        found = [entry["extra_info"]["formfunc"] for entry in entries]
        return {(record["case"], record["backend"]): record for record in found}


@pytest.fixture(scope="session")
def artifact_cache(tmp_path_factory):
    """One folder of converted models for all tests: what it holds is keyed by content."""
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture
def project(tmp_path, artifact_cache):
    one = Project(tmp_path, artifact_cache)
    one.write("pytest.ini", "[pytest]\n")
    return one


MATRIX = """
def test_form(formfunc, formfunc_case, formfunc_backend):
    formfunc(formfunc_case)
"""


@pytest.fixture
def bench(project):
    """A project whose one file measures the matrix."""
    project.write("test_forms.py", MATRIX)
    return project
