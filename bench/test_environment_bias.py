"""Whether a comparison with another environment favours a side: the same code, against the same packages elsewhere.

A comparison with another environment (``--formfunc-against-env``) measures each side from servers of its own, so what
all servers of a side have in common moves every form of that run, and no form's interval knows of it. Here the other
environment is one of links to this one's packages, as the search for a lost package makes it, in a repository whose
commit is what is measured; the suite is run as a user does, again and again with fresh servers, for FORMFUNC_SECONDS
(600 by default; at least three runs).

A run is one independent unit for such a bias. Printed are, for each form and over all: the mean change with its
interval over runs, and the standard deviation between runs beyond what the forms' own intervals explain, with its 95%
upper bound: the side-wide bias, as one run has it. (A bias that all runs have is in the mean.)

FORMFUNC_BUDGET is the budget of a case in seconds (8), FORMFUNC_ESCALATION the time for more looks of a comparison (8):
less than a run has by default, because more runs show more of how runs differ. FORMFUNC_RUNS, a glob of files that
``--benchmark-json`` wrote, analyses these runs instead of measuring.
"""

from __future__ import annotations

import glob
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bias import Bias, say
from machine import describe, stolen_and_busy, stolen_since
from suite import SUITE, read_records, run_suite

from pytest_formfunc.revisions.packages import make_mixed, read_environment

SECONDS = float(os.environ.get("FORMFUNC_SECONDS", "600"))
SAVED = os.environ.get("FORMFUNC_RUNS", "")
FEWEST_RUNS = 3  # fewer hardly show how runs differ
THRESHOLD = "3%"
CASES = [
    "--formfunc-patterns", "residual_bottleneck,depthwise_separable,fire,channel_shuffle", "--formfunc-depths", "2",
    f"--formfunc-threshold={THRESHOLD}", f"--formfunc-budget={os.environ.get('FORMFUNC_BUDGET', '8')}s",
    f"--formfunc-escalation={os.environ.get('FORMFUNC_ESCALATION', '8')}s",
]  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Return a user's repository of one commit, whose only test file is the suite."""
    folder = tmp_path_factory.mktemp("repository")
    (folder / SUITE.name).write_text(SUITE.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / ".gitignore").write_text(".formfunc_cache\n.benchmarks\n", encoding="utf-8")
    author = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for args in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "the suite"]):
        subprocess.run(["git", *args], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Return an environment of links that has this one's packages."""
    here = read_environment(sys.executable, "this environment")
    return make_mixed(tmp_path_factory.mktemp("environment") / "same", here, here, ())


def saved_runs():
    for path in sorted(glob.glob(SAVED)):
        yield read_records(Path(path))


def fresh_runs(repository, environment, folder):
    """Yield the records of runs, until the time is over and there are enough."""
    began = time.monotonic()
    for number in itertools.count():
        if number >= FEWEST_RUNS and time.monotonic() - began > SECONDS:
            break
        done = run_suite(
            folder / f"{number:03}.json", *CASES, f"--formfunc-against-env={environment}",
            file=repository / SUITE.name, folder=repository,
        )  # fmt: skip
        text = " ".join(done.text.split())
        assert f"with the packages of {environment}, in the same rounds (the same versions)" in text, done.text
        assert done.code in (0, 1), done.text
        yield done.records


def test_the_same_packages_in_another_environment_lose_nothing(request, tmp_path, capsys):
    """No verdict is `regressed`, and what a side has in common is printed."""
    found, host, before = Bias(), {}, stolen_and_busy()
    runs = saved_runs() if SAVED else fresh_runs(*map(request.getfixturevalue, ("repository", "environment")), tmp_path)
    try:
        for records in runs:
            found.add(records)
            host = records[0].host
            with capsys.disabled():
                print(f"\nenvironment bias: {len(found.runs)} runs: {say(found.over_all())}", end="", flush=True)
    finally:
        if found.runs:  # also after Ctrl-C
            with capsys.disabled():
                print()
                for line in found.lines():
                    print(f"environment bias: {line}")
                stolen = None if SAVED else stolen_since(before)
                print(f"environment bias: threshold {THRESHOLD}; {describe(host, stolen)}")
    assert found.reasons == []
    assert found.over_all() is not None, "fewer than two runs have a change: there is nothing to judge a bias by"
