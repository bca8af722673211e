"""What checking outputs costs a case: the first launch compares four inputs and repeats native, later ones compare two.

Each worker is loaded several times both ways, in turn; the difference of the medians is what the first launch pays.
"""

from __future__ import annotations

import time
from statistics import median

import pytest
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case

FORMS = [("plain", 8), ("depthwise_bottleneck", 8), ("fire", 2)]
REPEATS = 7


@pytest.fixture
def laboratory(tmp_path):
    one = Laboratory(tmp_path, servers=1)
    yield one
    one.close()


def test_what_the_first_launch_pays(laboratory, capsys):
    """Loading takes less than twice as long."""
    laboratory.start()
    for pattern, depth in FORMS:
        case = pattern_case(pattern, depth, 64)
        prepared = laboratory.prepare(case)
        taken = {0: [], 1: []}
        for _ in range(REPEATS):
            for launch, seconds in taken.items():
                began = time.monotonic()
                for backend in ("native", "openvino"):
                    with laboratory.worker(case, prepared, backend, launch):
                        pass
                seconds.append(time.monotonic() - began)
        first, later = (median(seconds) for seconds in taken.values())
        with capsys.disabled():
            print(
                f"\nparity: {case.id:36} native and openvino load in {first:.2f} s with four inputs, in {later:.2f} s "
                f"with two: {first - later:.2f} s for the first launch of a case",
                end="",
            )
        assert first < 2 * later
