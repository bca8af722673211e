"""Outputs are computed in a process of their own where memory comes from the C library; fake workers here."""

import pytest

from pytest_formfunc.errors import WorkerDied
from pytest_formfunc.measure.checked_worker import CheckedWorker
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Ready

NATIVE = Participant("native")
SEEN = Ready(9.0, 9.0, 0.0, ("a", "b", "c", "d"), {"hash": "1"}, "bf16", "CPU", names=("y",), rounded_to="f16")
TIMED = Ready(0.1, 0.2, 0.3, (), None, "f32", "CPU", early_call_s=0.4)


class Fake:
    def __init__(self, notes, name, ready):
        self.notes, self.name, self.ready = notes, name, ready
        notes.append(f"start {name}")

    def receive(self, timeout_s=None):
        if self.ready is None:
            raise WorkerDied(f"{self.name} died")
        return self.ready

    def ask(self, message):
        return f"{self.name} {message}"

    def stop(self):
        self.notes.append(f"stop {self.name}")


def launch(checks, notes, inputs=4, first=True, seen=SEEN):
    return CheckedWorker(
        NATIVE, checks, lambda: Fake(notes, "check", seen), lambda: Fake(notes, "timed", TIMED), inputs, first=first
    )


def test_the_one_that_is_timed_starts_when_the_other_has_ended():
    """What is known of both is told together, and later launches need the timed one only."""
    checks, notes = {}, []
    worker = launch(checks, notes)
    ready = worker.receive()
    assert notes == ["start check", "stop check", "start timed"]
    assert (ready.compile_s, ready.first_call_s, ready.settled_call_s, ready.early_call_s) == (0.1, 0.2, 0.3, 0.4)
    assert (ready.outputs, ready.names, ready.graph) == (SEEN.outputs, SEEN.names, SEEN.graph)
    assert (ready.precision, ready.rounded_to) == ("bf16", "f16")
    assert worker.ask("turn") == "timed turn"
    worker.stop()
    assert notes[-1] == "stop timed"
    notes.clear()
    later = launch(checks, notes, inputs=2, first=False).receive()
    assert notes == ["start timed"]
    assert (later.outputs, later.names, later.graph) == (("a", "b"), (), None)


def test_a_check_that_fails_is_the_participants_failure():
    """Nothing is timed then, and the process is ended."""
    notes = []
    worker = launch({}, notes, seen=None)
    with pytest.raises(WorkerDied, match="check died"):
        worker.receive()
    worker.stop()
    assert notes == ["start check", "stop check"]
    launch({}, notes).stop()  # before anything was started
