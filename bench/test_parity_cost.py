"""What checking outputs costs: in the first launch four inputs, native repeated and in another process; later two.

A case's workers are loaded several times both ways, in turn; the difference of the medians is what the first launch
pays once a case.
"""

from __future__ import annotations

import time
from statistics import median

import pytest
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure.launch import PreparedSide, launcher
from pytest_formfunc.measure.participants import Participant, Side

FORMS = [("plain", 8), ("depthwise_bottleneck", 8), ("fire", 2)]
REPEATS = 7


@pytest.fixture
def laboratory(tmp_path):
    one = Laboratory(tmp_path, servers=1)
    yield one
    one.close()


def load(launch, laboratory, number):
    """Load native and OpenVINO for a launch; return the seconds."""
    began = time.monotonic()
    for backend in ("native", "openvino"):
        participant = Participant(backend)
        worker = launch(participant, str(laboratory.scratch / participant.file_stem), number)
        try:
            worker.receive()
        finally:
            worker.stop()
    return time.monotonic() - began


def test_what_the_first_launch_pays(laboratory, capsys):
    """Loading takes less than three times as long."""
    laboratory.start()
    for pattern, depth in FORMS:
        case = pattern_case(pattern, depth, 64)
        prepared = laboratory.prepare(case)
        taken = {0: [], 1: []}
        for _ in range(REPEATS):
            launch = launcher(laboratory.server, {Side.HERE: PreparedSide(case.source, prepared)}, case.seed, {})
            for number, seconds in taken.items():
                seconds.append(load(launch, laboratory, number))
        first, later = (median(seconds) for seconds in taken.values())
        with capsys.disabled():
            print(
                f"\nparity: {case.id:36} native and openvino load in {first:.2f} s in the first launch, "
                f"in {later:.2f} s in later ones: {first - later:.2f} s once a case",
                end="",
            )
        assert first < 3 * later
