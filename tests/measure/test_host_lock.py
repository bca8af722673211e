"""Locks between processes of a machine, with real processes: who measures is alone, whoever prepares is not."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from pytest_formfunc.measure import host_lock
from pytest_formfunc.measure.host_lock import INSIDE_VARIABLE, HostLock
from pytest_formfunc.measure.lock_holders import all_stopped, holders_of

HOLD = """
    import sys, time
    from pathlib import Path
    from pytest_formfunc.measure.host_lock import HostLock
    folder, cores, kind = sys.argv[1:]
    with getattr(HostLock([int(one) for one in cores.split(",")], Path(folder)), kind)():
        print("holds", flush=True)
        sys.stdin.read()
    print("left", time.monotonic(), flush=True)
"""


@pytest.fixture
def hold(tmp_path):
    """Return a function that starts a process, which holds a lock once it could take it."""
    started = []

    def start(cores, kind, *, wait=True):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLD), tmp_path, cores, kind],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        started.append(process)
        if wait:
            assert process.stdout.readline() == "holds\n"
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def release(process):
    process.stdin.close()
    process.stdout.read()
    process.wait()


def takes_s(lock, kind):
    """Return how long it takes to take a lock."""
    began = time.monotonic()
    with getattr(lock, kind)():
        return time.monotonic() - began


@pytest.mark.parametrize(
    ("first", "second", "waits"),
    [
        ("measuring", "measuring", True),
        ("measuring", "preparing", True),
        ("preparing", "measuring", True),
        ("preparing", "preparing", False),
    ],
)
def test_who_measures_is_alone(hold, tmp_path, first, second, waits):
    """Preparing goes on beside preparing."""
    one = hold("0,1", first)
    other = hold("0,1", second, wait=False)
    time.sleep(0.6)
    os.set_blocking(other.stdout.fileno(), False)
    assert (other.stdout.readline() == "") == waits
    os.set_blocking(other.stdout.fileno(), True)
    release(one)
    if waits:
        assert other.stdout.readline() == "holds\n"


def test_disjoint_cores_do_not_wait_for_each_other(hold, tmp_path):
    hold("0", "measuring")
    assert takes_s(HostLock([1], tmp_path), "measuring") < 1


def test_a_process_that_ends_releases_its_lock(hold, tmp_path):
    """However it ends."""
    hold("0", "measuring").kill()
    assert takes_s(HostLock([0], tmp_path), "measuring") < 2


def test_who_waits_to_measure_is_not_overtaken(hold, tmp_path):
    """Otherwise a stream of preparing processes would keep it out for ever."""
    first = hold("0", "preparing")
    waiting = hold("0", "measuring", wait=False)
    time.sleep(0.6)
    later = hold("0", "preparing", wait=False)
    time.sleep(0.6)
    release(first)
    assert waiting.stdout.readline() == "holds\n"
    os.set_blocking(later.stdout.fileno(), False)
    assert later.stdout.readline() == ""
    os.set_blocking(later.stdout.fileno(), True)
    release(waiting)
    assert later.stdout.readline() == "holds\n"


def test_a_stopped_process_is_passed_over(hold, tmp_path, monkeypatch):
    """It uses no core; one that only takes long is waited for."""
    monkeypatch.setattr(host_lock, "_PATIENCE_WITH_STOPPED_S", 0.3)
    holder, said = hold("0", "measuring"), []
    lock = HostLock([0], tmp_path, said.append)
    holder.send_signal(signal.SIGSTOP)
    assert 0.3 <= takes_s(lock, "measuring") < 5
    assert lock.notes == ["a run on this machine that is stopped holds the lock; this one did not wait for it"]
    assert said[0] == "waiting: another run uses this machine"
    assert said[-1] == ""


def test_the_kernel_says_who_holds_a_lock(hold, tmp_path):
    one = hold("0", "measuring")
    file = os.open(tmp_path / "core-0", os.O_RDONLY)
    try:
        assert holders_of(file) == {one.pid}
        assert not all_stopped(file)
        one.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        assert all_stopped(file)
        release_by_death(one)
        assert holders_of(file) == set()
        assert not all_stopped(file)
    finally:
        os.close(file)


def release_by_death(process):
    process.kill()
    process.wait()


def test_inside_of_itself_and_of_an_ordinary_test_nothing_is_waited_for(hold, tmp_path, monkeypatch):
    """A pytest that an ordinary test starts would wait for that test's end."""
    lock = HostLock([0], tmp_path)
    with lock.measuring(), lock.preparing(), lock.measuring():
        pass
    hold("0", "measuring")
    monkeypatch.setenv(INSIDE_VARIABLE, "1")
    assert takes_s(HostLock([0], tmp_path), "measuring") < 1


def test_a_process_that_was_forked_meanwhile_does_not_keep_the_lock(tmp_path):
    """As a server that an ordinary test starts and that outlives it."""
    with HostLock([0], tmp_path).preparing():
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
    try:
        assert takes_s(HostLock([0], tmp_path), "measuring") < 1
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("place", ["file/folder", "link"])
def test_where_there_is_no_place_for_locks_the_run_goes_on_and_says_so(tmp_path, place):
    """A link is not followed: in a folder for all users it may lead anywhere."""
    (tmp_path / "file").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    lock = HostLock([0, 1], tmp_path / place)
    with lock.measuring():
        pass
    (note,) = lock.notes
    assert note.startswith("runs on this machine may disturb each other: ")
    assert [*(tmp_path / "elsewhere").iterdir()] == []
