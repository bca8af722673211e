"""Check that a backend is as fast in turn with another one as alone; fails if the median ratio is not within 1 ± 3%."""

from __future__ import annotations

import pytest
from intervals import median_ratio, within
from laboratory import Laboratory, turn

from pytest_formfunc.cases import pattern_case

PAIRS = 24
TURNS = 8


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    one = Laboratory(tmp_path_factory.mktemp("interference"), servers=1)
    yield one
    one.close()


@pytest.mark.parametrize("backend", ["openvino", "native"])
@pytest.mark.parametrize(("pattern", "depth"), [("residual_bottleneck", 8), ("residual_depthwise_bottleneck", 8)])
def test_a_backend_alone_and_in_turn_with_the_other_agree(laboratory, backend, pattern, depth, capsys):
    """Compare turns of one worker alone with turns between which the other backend has a turn."""
    case = pattern_case(pattern, depth, 64)
    prepared = laboratory.prepare(case)
    other = "native" if backend == "openvino" else "openvino"
    ratios = []
    with (
        laboratory.worker(case, prepared, backend) as (mine, mine_s),
        laboratory.worker(case, prepared, other) as (theirs, theirs_s),
    ):
        for pair in range(PAIRS):
            seconds = {}
            for shared in (True, False) if pair % 2 else (False, True):
                turns = []
                for _ in range(TURNS):
                    if shared:
                        turn(theirs, theirs_s)
                    turns.append(turn(mine, mine_s))
                seconds[shared] = sorted(turns)[TURNS // 2]
            ratios.append(seconds[True] / seconds[False])
    ratio = median_ratio(ratios)
    with capsys.disabled():
        print(
            f"\ninterference: {case.id} on {backend}, in turn / alone: median {ratio.value:.3f} "
            f"({ratio.low:.3f} to {ratio.high:.3f}) over {ratio.n} pairs"
        )
    assert within(ratio, 0.03)
