"""The same matrix by every way to run it: figures agree, times are as predicted, and a killed run loses nothing.

The ways: one process; two pytest-xdist workers; three workers over ssh on this machine; four shards, merged. Hosts on
one machine share its cores, so only preparing can gain. Each way begins without converted models.

FORMFUNC_REPEATS sets how often a run is killed (default 10). It takes about fifteen minutes.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean

import pytest
from intervals import compare_repeats
from suite import compare_runs, describe_repeats

from pytest_formfunc.gate.baseline import read_baseline
from pytest_formfunc.host import allowed_cores
from pytest_formfunc.journal.folder import read_with_parts
from pytest_formfunc.journal.reading import read_journal
from pytest_formfunc.journal.writing import JournalWriter
from pytest_formfunc.stats.balance import balance, wall_seconds

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.sshd import HOST, find_sshd, running_sshd

KILLS = int(os.environ.get("FORMFUNC_REPEATS", "10"))
MATRIX = "def test_form(formfunc, formfunc_case, formfunc_backend):\n    formfunc(formfunc_case)\n"
CASES = (
    "--formfunc-patterns=residual_bottleneck,depthwise_separable,fire,channel_shuffle", "--formfunc-depths=2,8",
    "--formfunc-budget=4s",
)  # fmt: skip
ROWS = 16
CORES = allowed_cores()
SMALL = (
    "--formfunc-patterns=plain,pointwise,fire,channel_shuffle", "--formfunc-depths=1,2,3,4", "--formfunc-widths=8",
    "--formfunc-input=1x3x32x32", "--formfunc-budget=300ms", "--formfunc-precision=20%", "--formfunc-servers=3",
)  # fmt: skip
SMALL_ROWS = 32
NEAR = 0.35  # by which a wall time may be off the prediction
STUDY_CASES, STUDY_ENGINES = 16 * 6 * 6 + 28, 9  # patterns x depths x widths, and networks


class Project:
    """A project whose one test measures the matrix.

    Attributes:
        folder: the project's folder, which has the journals too.
        every_part: wall time and journal of each part, by the number of parts.
    """

    def __init__(self, folder):
        self.folder = folder
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "test_forms.py").write_text(MATRIX)
        self.every_part = {}
        self._parts = {}
        self._with_workers = {}

    def command(self, name, *args):
        """Return the command of a run with a cache and a journal of its own."""
        return [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--formfunc-cache-dir=cache-{name}",
            f"--formfunc-journal={name}.jsonl", *args,
        ]  # fmt: skip

    def start(self, command):
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder,
            start_new_session=True, env={**os.environ, "CI": ""},
        )  # fmt: skip

    def run(self, name, *args):
        """Run the suite; return its wall time in seconds and its journal."""
        began = time.monotonic()
        process = self.start(self.command(name, *args))
        text, _ = process.communicate()
        assert process.returncode == 0, text
        return time.monotonic() - began, self.folder / f"{name}.jsonl"

    def with_workers(self, count):
        """Run with xdist workers; return the wall time and the journal."""
        if count not in self._with_workers:
            self._with_workers[count] = self.run(f"n{count}", "-n", str(count), *CASES)
        return self._with_workers[count]

    def parts(self, of):
        """Run shards one after another, each as if it had a machine; return the longest one's time and the whole."""
        if of not in self._parts:
            names = [f"part-{index}-of-{of}" for index in range(1, of + 1)]
            parts = self.every_part[of] = [
                self.run(name, f"--formfunc-shard={index}/{of}", *CASES) for index, name in enumerate(names, start=1)
            ]
            whole = self.folder / f"whole-{of}.jsonl"
            files = [f"{name}.jsonl" for name in names]
            subprocess.run(
                [sys.executable, "-m", "pytest_formfunc.cli", "merge", "--strict", "--output", whole, *files],
                check=True, capture_output=True, cwd=self.folder,
            )  # fmt: skip
            self._parts[of] = max(seconds for seconds, _ in parts), whole
        return self._parts[of]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def alone(project):
    """Return the wall time and the journal of a run in one process."""
    return project.run("alone", *CASES)


def test_every_way_finds_the_same(project, alone, tmp_path, capsys):
    """Differences are beyond twice their combined standard error about as often as chance has it."""
    ways = {"one process": alone, "-n 2": project.with_workers(2)}
    if find_sshd() is not None:
        with running_sshd(tmp_path) as client:
            spec = f"3*ssh={HOST}//ssh_config={client}//python={sys.executable}//chdir={project.folder}"
            ways["three hosts over ssh"] = project.run("ssh", "--dist", "load", "--tx", spec, *CASES)
    ways["four shards, merged"] = project.parts(4)
    records = {name: [*read_baseline(path).records.values()] for name, (_, path) in ways.items()}
    pairs = compare_runs(records)
    together = compare_repeats([one for differences in pairs.values() for one in differences])
    with capsys.disabled():
        print()
        for name, (seconds, _) in ways.items():
            longest = " (the longest of them)" if "shards" in name else ""
            print(f"fleet: {name}: {seconds:.0f} s{longest}, {len(records[name])} rows")
        for (one, other), differences in pairs.items():
            print(f"fleet: {one} and {other}: {describe_repeats(compare_repeats(differences))}")
        print(f"fleet: all ways: {describe_repeats(together)}")
    assert {len(found) for found in records.values()} == {ROWS}
    assert together.beyond <= max(3, 3 * together.due)


def test_a_worker_and_a_journal_cost_little(project, alone, capsys):
    """-n 1 against none, and what the journal of a row costs."""
    with_one, _ = project.with_workers(1)
    journal = read_journal(alone[1])
    again, taken = project.folder / "again.jsonl", []
    writer = JournalWriter(again, journal.header)
    for row in journal.rows.values():
        began = time.perf_counter()
        writer.add(row)
        taken.append(time.perf_counter() - began)
    writer.close()
    size = again.stat().st_size / len(taken)
    with capsys.disabled():
        print(f"\nfleet: -n 1 takes {with_one:.0f} s, and a run without workers {alone[0]:.0f} s")
        print(
            f"fleet: the journal costs {1e3 * fmean(taken):.1f} ms and {size / 1000:.0f} kB a row, its fsync included "
            f"(at most {1e3 * max(taken):.1f} ms)"
        )
    assert fmean(taken) < 0.1 * fmean(row.measuring_s for row in journal.rows.values())


def test_wall_times_are_as_predicted(project, alone, capsys):
    """Two to four machines, each of which is this one in turn; two and three workers; then many more machines.

    The time for which a run waited for a slow machine is left out. What each worker costs beside its work, which is
    mostly to start servers of its own, comes from the runs with one and with four.
    """
    journal = read_journal(alone[1])
    preparing = {row.group: row.preparing_s for row in journal.rows.values()}
    measuring = {row.group: row.measuring_s for row in journal.rows.values()}
    starting_s = net_s(*alone) - sum(preparing.values()) - sum(measuring.values())
    found, said = {}, {}
    for count in (2, 3, 4):
        project.parts(count)
        found[f"{count} machines"] = max(net_s(*one) for one in project.every_part[count])
        said[f"{count} machines"] = wall_seconds(preparing, measuring, count, starting_s)
    workers = {count: net_s(*project.with_workers(count)) for count in (1, 2, 3, 4)}
    work = {count: wall_seconds(preparing, measuring, 1, workers=min(count, CORES)) for count in workers}
    each_s = (workers[4] - work[4] - workers[1] + work[1]) / 3
    for count in (2, 3):
        found[f"{count} workers"] = workers[count]
        said[f"{count} workers"] = work[count] + workers[1] - work[1] + (count - 1) * each_s
    case_s = fmean(preparing.values()), fmean(measuring.values())
    # A further engine adds half of the budget, and a conversion.
    study_s = case_s[0] * STUDY_ENGINES, case_s[1] * (1 + (STUDY_ENGINES - 1) / 2)
    study = [dict.fromkeys(map(str, range(STUDY_CASES)), seconds) for seconds in study_s]
    with capsys.disabled():
        print(f"\nfleet: one machine: {net_s(*alone):.0f} s, {starting_s:.0f} s of it neither preparing nor measuring")
        print(
            f"fleet: one worker takes {workers[1]:.0f} s, four {workers[4]:.0f} s: each further one costs "
            f"{each_s:.1f} s"
        )
        for way, seconds in found.items():
            print(f"fleet: {way}: {seconds:.0f} s, predicted {said[way]:.0f} s (off by {seconds / said[way] - 1:+.0%})")
        for hosts in (1, 10, 100, 1000):
            hours = wall_seconds(*study, hosts, starting_s) / 3600
            print(f"fleet: a study of {STUDY_CASES} cases on {STUDY_ENGINES} engines, {hosts} machines: {hours:.2g} h")
    assert all(abs(seconds / said[way] - 1) < NEAR for way, seconds in found.items())


def net_s(seconds, path):
    """Return the wall time of a run without what it waited for a slow machine."""
    return seconds - read_journal(path).spent["waited_s"]


def test_a_killed_run_loses_nothing(project, capsys):
    """Killed at random moments and continued each time: no row that was there is lost, and none is there twice."""
    journal, generator = project.folder / "killed.jsonl", random.Random(0)
    rows, lost, halves = {}, 0, 0
    for kill in range(KILLS + 1):
        resume = ("--formfunc-resume",) if journal.exists() else ()
        process = project.start(project.command("killed", *SMALL, *resume, "--benchmark-json=killed.json"))
        if kill < KILLS:
            time.sleep(generator.uniform(3, 14))
            os.killpg(process.pid, signal.SIGKILL)
        text, _ = process.communicate()
        if journal.exists():
            now = read_with_parts(journal)
            halves += now.dropped
            lost += sum(key not in now.rows for key in rows)
            rows = now.rows
    assert process.returncode == 0, text
    names = [entry["fullname"] for entry in json.loads((project.folder / "killed.json").read_text())["benchmarks"]]
    taken = re.search(r"(\d+) of \d+ rows are taken over", text)
    twice = len(names) - len(set(names))
    with capsys.disabled():
        print(
            f"\nfleet: killed {KILLS} times at random moments and continued: {lost} rows lost, {twice} counted twice; "
            f"{len(names)} of {SMALL_ROWS} rows at the end, {taken[1] if taken else 0} of them taken over by the last "
            f"run; {halves} half-written lines"
        )
    assert (lost, twice, len(names)) == (0, 0, SMALL_ROWS)


def test_the_division_is_near_the_best_possible(capsys):
    """How far the longest part is from the shortest possible one, for the parts of a study with unequal cases."""
    generator = random.Random(0)
    durations = {f"case{index}": generator.lognormvariate(2, 0.6) for index in range(STUDY_CASES)}
    with capsys.disabled():
        print()
        for parts in (10, 100, 1000):
            longest = max(sum(durations[name] for name in part) for part in balance(durations, parts))
            least = max(sum(durations.values()) / parts, *durations.values())
            print(
                f"fleet: {STUDY_CASES} unequal cases in {parts} parts: the longest has {longest / least:.2f} times the "
                "least possible"
            )
            assert longest <= 4 / 3 * least
