"""Workers over ssh, with a real sshd on this machine: three of them, one killed in the middle, one frozen."""

import json
import os
import signal
import sys
from contextlib import suppress

import pytest
from support.sshd import HOST, find_sshd, running_sshd

from pytest_formfunc.journal.reading import read_journal

pytestmark = [pytest.mark.engine, pytest.mark.alone]

WIDTHS = (4, 8, 12, 16)
# The first worker that comes to one case kills itself, and the first that comes to another one stops itself.
NETS = """
import os, signal, torch
from pathlib import Path

import pytest


@pytest.mark.parametrize("width", WIDTHS)
def test_mine(formfunc, formfunc_backend, width):
    torch.manual_seed(0)
    lost, mark = {8: signal.SIGKILL, 16: signal.SIGSTOP}.get(width), Path(f"was-{width}")
    if lost is not None and not mark.exists():
        mark.write_text(str(os.getpid()))
        os.kill(os.getpid(), lost)
    formfunc(torch.nn.Conv2d(3, width, 3), torch.ones(1, 3, 16, 16))
"""


@pytest.fixture
def over_ssh(project, tmp_path_factory):
    """Return a function that runs the project's tests on three workers over ssh."""
    if find_sshd() is None:
        missing = "needs sshd (Debian's openssh-server), not installed here"
        (pytest.fail if "FORMFUNC_TESTS_NEED_SSHD" in os.environ else pytest.skip)(missing)
    with running_sshd(tmp_path_factory.mktemp("sshd")) as client:
        spec = f"3*ssh={HOST}//ssh_config={client}//python={sys.executable}//chdir={project.folder}"

        def run():
            project.write("test_mine.py", NETS.replace("WIDTHS", str(WIDTHS)))
            return project.measure(
                "--dist", "load", "--tx", spec, "--formfunc-timeout=8s", "--benchmark-json=out.json",
                "--formfunc-journal=run.jsonl", "-p", "no:cacheprovider", timeout=200,
            )  # fmt: skip

        yield run


def rows(project):
    entries = json.loads((project.folder / "out.json").read_text())["benchmarks"]
    return sorted(entry["name"] for entry in entries)


ALL = sorted(f"test_mine[{backend}-{width}]" for backend in ("native", "openvino") for width in WIDTHS)


def test_a_killed_and_a_frozen_worker_leave_their_cases_to_others(project, over_ssh):
    """Both are failed tests, so the run is red; every case is measured all the same, and none twice."""
    try:
        outcome = over_ssh()
    finally:
        for mark in project.folder.glob("was-*"):
            with suppress(ProcessLookupError, ValueError):
                os.kill(int(mark.read_text()), signal.SIGKILL)
    assert outcome.code == 1, outcome.text
    assert outcome.text.count("crashed while running 'test_mine.py::test_mine[") >= 2
    assert "gave no sign of life for" in outcome.text
    assert rows(project) == ALL
    journal = read_journal(project.folder / "run.jsonl")
    assert (len(journal.rows), journal.ended) == (8, "complete")
