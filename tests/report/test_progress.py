"""Progress is for a person at a terminal: without one nothing is composed, and with one little."""

from types import SimpleNamespace

import pytest

from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.series import Measurement, Series
from pytest_formfunc.report.progress import CaseProgress, ProgressLine
from pytest_formfunc.stats import Estimate

OPENVINO = Participant("openvino")


class Counted(Measurement):
    """A measurement of two launches that counts how often its speedup is estimated."""

    def __init__(self):
        launches = [[], []]
        everyone = (OPENVINO.native, OPENVINO, OPENVINO.kept, OPENVINO.counterpart)
        super().__init__(series={one: Series(one, launches) for one in everyone})
        self.estimated = []

    def ranked_speedup(self, participant):
        self.estimated.append(participant)
        return Estimate(4.0, 3.8, 4.2)


def test_a_speedup_is_estimated_once_a_launch():
    """An estimate takes longer than some rounds; the other side's is the judge's to tell; a kept twin is no backend."""
    shown, measurement = [], Counted()
    progress = CaseProgress(shown.append, "[1/2] plain-d2-w64")
    for launch in (3, 4):
        for round_index in range(6):
            progress(measurement, launch, round_index, 6)
    assert measurement.estimated == [OPENVINO, OPENVINO]
    assert shown[0] == "[1/2] plain-d2-w64: launch 3, round 1 of 6; openvino 4.00x ±5.1%"
    assert len(shown) == 12


def test_the_first_launches_have_no_speedup_yet():
    """One launch shows no interval."""
    shown = []
    CaseProgress(shown.append, "a")(Measurement(series={OPENVINO: Series(OPENVINO, [[]])}), 1, 0, 6)
    assert shown == ["a: launch 1, round 1 of 6"]


@pytest.mark.parametrize(("terminal", "seen"), [(False, False), (True, True)])
def test_it_is_seen_on_a_terminal_only(terminal, seen, monkeypatch):
    """In a log it would be noise."""
    monkeypatch.setenv("TERM", "xterm")
    reporter = SimpleNamespace(isatty=lambda: terminal, config=SimpleNamespace(get_terminal_writer=lambda: None))
    assert ProgressLine.for_reporter(reporter).seen == seen
    assert not ProgressLine.for_reporter(None).seen
