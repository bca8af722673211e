"""Faults at random moments of runs: what is lost of what was measured (nothing), and what is left behind (nothing).

Runs of a matrix are hit once each: a signal to pytest, to a server, or to a worker. Then the run is continued, and the
journal, the system's folder of temporary files, git's worktrees and the processes are looked through.

FORMFUNC_REPEATS sets how often each fault is planted (default 5).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pytest_formfunc.journal.folder import read_with_parts

REPEATS = int(os.environ.get("FORMFUNC_REPEATS", "5"))
CASES = ("--formfunc-patterns=plain,pointwise", "--formfunc-depths=1", "--formfunc-widths=8,16")
ROWS = 8
FAULTS = {
    "SIGTERM to pytest": ("pytest", signal.SIGTERM),
    "SIGHUP to pytest": ("pytest", signal.SIGHUP),
    "SIGINT to pytest": ("pytest", signal.SIGINT),
    "SIGKILL to pytest": ("pytest", signal.SIGKILL),
    "SIGKILL to a server": ("server", signal.SIGKILL),
    "SIGKILL to a worker": ("worker", signal.SIGKILL),
    "SIGSTOP to a worker": ("worker", signal.SIGSTOP),
}
TEST = """
def test_form(formfunc, formfunc_case, formfunc_backend):
    formfunc(formfunc_case)
"""


def heed_signals():
    """Undo ignored signals, which a shell's background processes and those of nohup inherit."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def children(pid):
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(one) for task in tasks for one in (task / "children").read_text().split()]
    except OSError:
        return []


def marked(folder):
    """Return the processes whose environment says that they belong to a run in a folder of temporary files."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"PYTEST_FORMFUNC_RUN={folder}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


class Project:
    """A repository whose tests measure the matrix side by side with its last commit."""

    def __init__(self, folder):
        self.folder, self.temporary = folder, folder.parent / f"{folder.name}-tmp"
        self.temporary.mkdir()
        folder.mkdir()
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "test_forms.py").write_text(TEST)
        (folder / ".gitignore").write_text(".*\n__pycache__\n*.jsonl\n")
        for args in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "one")):
            subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *args], cwd=folder, check=True)

    def start(self, *more):
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CASES, "--formfunc-input=1x3x32x32",
             "--formfunc-budget=500ms", "--formfunc-timeout=5s", "--formfunc-threads=1", "--formfunc-journal=run.jsonl",
             "--formfunc-against=HEAD", "--formfunc-escalation=100ms", *more],
            cwd=self.folder, env={**os.environ, "CI": "", "TMPDIR": str(self.temporary)}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, preexec_fn=heed_signals,
        )  # fmt: skip

    def rows(self):
        path = self.folder / "run.jsonl"
        return read_with_parts(path).rows if path.exists() else {}

    def left(self):
        """Return what is left: folders, worktrees, and processes."""
        trees = subprocess.run(["git", "worktree", "list"], cwd=self.folder, capture_output=True, text=True, check=True)
        return [*self.temporary.glob("formfunc-run-*"), *trees.stdout.splitlines()[1:], *marked(self.temporary)]


def is_lost(row, before, after):
    """Return whether a row is gone, or is another one though its whole case had been measured and judged."""
    key, case = row.record.key, row.record.case
    whole = all(
        (case, backend) in before and (backend == "native" or before[case, backend].record.verdict is not None)
        for backend in ("native", "openvino")
    )
    return key not in after or (whole and after[key].record.to_json() != row.record.to_json())


@pytest.fixture(scope="module")
def duration_s(tmp_path_factory):
    """Return how long a run takes that nothing happens to."""
    project = Project(tmp_path_factory.mktemp("undisturbed") / "run")
    began = time.monotonic()
    text = project.start().communicate(timeout=300)[0]
    assert len(project.rows()) == ROWS, text
    return time.monotonic() - began


def hit(process, whom, number):
    servers = children(process.pid)
    workers = [one for server in servers for one in children(server)]
    candidates = {"pytest": [process.pid], "server": servers, "worker": workers}[whom]
    if not candidates:
        return False
    os.kill(random.choice(candidates), number)
    return True


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_and_nothing_is_left(tmp_path, capsys, fault, duration_s):
    """Every row that was on disk is there afterwards, as it was if its case was judged; the run has all, none twice."""
    whom, number = FAULTS[fault]
    found = Counter()
    for turn in range(REPEATS):
        project = Project(tmp_path / f"run{turn}")
        process = project.start()
        time.sleep(duration_s * random.uniform(0.2, 0.95))
        found["planted"] += process.poll() is None and hit(process, whom, number)
        text = process.communicate(timeout=180)[0]
        assert "Traceback" not in text, text
        assert "INTERNALERROR" not in text, text
        before = project.rows()
        found["left by the run itself"] += len(project.left()) if number != signal.SIGKILL or whom != "pytest" else 0
        again = project.start("--formfunc-resume")
        text = again.communicate(timeout=180)[0]
        assert again.returncode == 0, text
        after = project.rows()
        found["rows on disk"] += len(before)
        found["lost or changed"] += sum(is_lost(row, before, after) for row in before.values())
        found["rows after"] += len(after)
        found["left in the end"] += len(project.left())
    with capsys.disabled():
        print(f"\nfaults: {fault:22}" + ", ".join(f"{name} {count}" for name, count in found.items()))
    assert found["planted"] > 0, "each run had ended before"
    assert found["rows after"] == ROWS * REPEATS
    assert found["lost or changed"] == found["left by the run itself"] == found["left in the end"] == 0
