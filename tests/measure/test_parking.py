"""Real threads and processes that spin or sleep: they are waited for, or stopped."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pytest_formfunc.measure.parking import hold, release, wait_until_parked

pytestmark = pytest.mark.alone


def spin(until):
    while not until.is_set():
        pass


def test_sleeping_threads_are_not_waited_for():
    """A thread that waits for an event sleeps already."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert wait_until_parked(limit_s=30.0) < 30.0
    finally:
        done.set()
        thread.join()


def test_a_spinning_thread_is_waited_for_until_it_sleeps():
    """The wait ends after the thread has stopped, not before."""
    stop, ended = threading.Event(), []
    thread = threading.Thread(target=lambda: (spin(stop), ended.append(time.perf_counter())))
    thread.start()
    threading.Timer(0.05, stop.set).start()
    spent = wait_until_parked(limit_s=30.0)
    now = time.perf_counter()
    thread.join()
    assert spent < 30.0
    assert ended
    assert ended[0] <= now


def test_a_thread_that_always_spins_is_waited_for_no_longer_than_the_limit():
    """An engine that is set to spin for ever must not stop the run; the limit is returned."""
    stop = threading.Event()
    thread = threading.Thread(target=spin, args=(stop,))
    thread.start()
    try:
        assert wait_until_parked(limit_s=0.03) == 0.03
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def busy():
    """Another process that uses a core all the time."""
    process = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    process.stdout.readline()
    pidfd = os.pidfd_open(process.pid)
    yield process, pidfd
    os.close(pidfd)
    process.kill()
    process.wait()
    process.stdout.close()


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_process_that_is_held_uses_no_core_until_it_is_released(busy):
    """Its threads are asked for by the same rule as those of this process."""
    process, pidfd = busy
    assert wait_until_parked(0.02, process.pid) == 0.02
    for _ in range(3):
        assert hold(process.pid, pidfd)
        assert (state(process.pid), wait_until_parked(30.0, process.pid) < 30.0) == ("T", True)
        release(pidfd)
        assert wait_until_parked(0.02, process.pid) == 0.02


def test_a_process_that_has_ended_cannot_be_held(busy):
    """Whoever measures asks it for an answer next, and hears why there is none."""
    process, pidfd = busy
    process.kill()
    process.wait()
    assert not hold(process.pid, pidfd)
    with pytest.raises(ProcessLookupError):
        release(pidfd)
