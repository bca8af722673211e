"""Waiting for real threads: one that spins, one that sleeps."""

import threading
import time

import pytest

from pytest_formfunc.measure.parking import wait_until_parked

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
