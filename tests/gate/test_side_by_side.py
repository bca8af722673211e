"""The side-by-side judge on made-up launches and a made-up clock: looks, time, false alarms and power."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from made_up import EVERYONE, HERE, OTHER, PREPARED, THERE, MadeUp, PlainJudge

from pytest_formfunc.gate.decision import FOUND
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.gate.judge import Evidence
from pytest_formfunc.gate.side_by_side import EXTENSION, MOST_LAUNCHES, SideBySideJudge, _judged
from pytest_formfunc.measure.protocol import Disturbance, Round
from pytest_formfunc.measure.quiet import Cause
from pytest_formfunc.measure.series import Measurement, Series
from pytest_formfunc.stats.servers import ENOUGH_SERVERS


def judge_of(run, comparisons=1, escalation_s=20.0):
    return Judging(run, PlainJudge(OTHER, Family(comparisons), escalation_s))


class Judging:
    """A judge of one made-up run."""

    def __init__(self, run, judge):
        self.run, self._judge = run, judge

    def verdict(self, threshold):
        return self._judge.judge(self.run.evidence(), threshold).verdict


def test_further_launches_are_of_the_accelerated_pair_with_the_measured_scatter():
    """Native runs the same program, so measuring it again would give no information."""
    run = MadeUp(0, rounds=0.3)
    judge_of(run).verdict(0.03)
    assert [more.launches for more in run.asked][:2] == [3, 4]
    assert all(more.only == (HERE, THERE) for more in run.asked)
    undisturbed = (0.3 * 0.4) ** 2
    assert undisturbed < run.asked[-1].scatter.rounds < 0.3**2


def test_a_comparison_has_its_share_of_the_time_and_what_those_before_it_left():
    """The clear one stops at once and leaves its time to the later unclear one, not the other way round."""
    run = MadeUp(1, loss=1.0, rounds=0.01)
    judge = judge_of(run, comparisons=3)
    assert judge.verdict(0.03).status == "regressed"
    assert run.spent_s < 10
    left = 20.0 - run.spent_s
    run.loss, run.rounds, run.launches = 0.03, 0.5, 0.2
    run.begin()
    assert judge.verdict(0.03).status == "inconclusive"
    assert run.asked[0].seconds == pytest.approx(20.0 + left)
    left += 20.0 - run.spent_s
    run.begin()
    judge.verdict(0.03)
    assert run.asked[0].seconds == pytest.approx(20.0 + left)


def test_without_time_there_is_one_look():
    """It is the last look, and may spend the whole level."""
    run = MadeUp(2, rounds=0.5)
    verdict = judge_of(run, escalation_s=0.0).verdict(0.03)
    assert (verdict.looks, run.asked) == (1, [])


def test_a_look_without_all_its_launches_is_the_last():
    """There is no time for another launch, so there is none for another look."""
    run = MadeUp(3, rounds=0.5, launches=0.2)
    verdict = judge_of(run, escalation_s=3.0).verdict(0.03)
    assert verdict.looks == len(run.asked) + 1
    assert run.asked[-1].seconds < 3.1
    assert verdict.looks <= 3


def test_its_own_time_is_spent_before_a_comparison_ends_undecided():
    """Beyond the usual number of launches, up to four times as many; time that others left does not lengthen it."""
    run = MadeUp(7, loss=0.0013, rounds=0.13)
    assert judge_of(run, escalation_s=1e6).verdict(0.002).status == "inconclusive"
    assert ENOUGH_SERVERS + sum(more.launches for more in run.asked) == EXTENSION * MOST_LAUNCHES
    short = judge_of(run, comparisons=40, escalation_s=10.0)
    for _ in range(30):
        run.loss = 1.0
        run.begin()
        assert short.verdict(0.03).status == "regressed"
    run.loss = 0.0013
    run.begin()
    assert short.verdict(0.002).status == "inconclusive"
    assert run.asked[-1].seconds > 100
    assert ENOUGH_SERVERS + sum(more.launches for more in run.asked) == MOST_LAUNCHES


def test_a_sentence_promises_only_what_its_comparison_could_see():
    """Where it could not see a loss of the threshold, that is said in place of what the threshold means."""
    judge = SideBySideJudge(OTHER, Family(1), 20.0)
    finer = "threshold 3%: finer than this comparison could judge in its time"
    assert judge._meaning(0.03, "inconclusive", 0.031) == finer
    for status, smallest in (("inconclusive", 0.03), ("regressed", 0.1), ("unchanged", 0.1)):
        assert judge._meaning(0.03, status, smallest) == f"threshold 3%: {FOUND.meaning}"


def test_of_an_early_verdict_the_smallest_loss_is_that_of_the_whole_level():
    """What was kept for looks that are not needed any more is not lost."""
    early, late = (
        judge_of(MadeUp(10, rounds=0.02, launches=0.002), escalation_s=escalation_s).verdict(0.03)
        for escalation_s in (20.0, 0.0)
    )
    assert (early.status, early.looks, late.looks) == ("unchanged", 1, 1)
    assert early.smallest_change == late.smallest_change


def test_a_gain_does_not_hand_its_level_on():
    """What a level is for is that nothing was lost; a loss hands it on."""
    for loss, carried in ((-0.5, 0.0), (1.0, 0.005)):
        family = Family(2)
        judged = PlainJudge(OTHER, family, 20.0).judge(MadeUp(1, loss=loss, rounds=0.01).evidence(), 0.03).verdict
        assert judged.status == ("improved" if loss < 0 else "regressed")
        assert family.next_looks().alpha == pytest.approx(0.005 + carried)


@pytest.mark.parametrize("changes", [{"version_changes": ("numpy 1 -> 2",)}, {"own_servers": True}])
def test_another_environment_is_never_taken_for_the_same(changes):
    """Whatever its versions: then native is measured on both sides in each further launch."""
    run = MadeUp(0, rounds=0.3)
    PlainJudge(replace(OTHER, **changes), Family(1), 20.0).judge(run.evidence(), 0.03)
    assert {more.only for more in run.asked} == {EVERYONE}


@pytest.mark.simulation
@pytest.mark.parametrize(("rounds", "launches"), [(0.13, 0.015), (0.02, 0.03), (0.3, 0.01)])
def test_unchanged_code_regresses_no_more_often_than_promised(rounds, launches):
    """Rounds, weights and looks depend on the samples; without a threshold only the interval protects, at 1% a run."""
    run = MadeUp(4, rounds=rounds, servers=launches, launches=0.0)
    reds = 0
    for _ in range(200):
        run.begin()
        reds += judge_of(run).verdict(1e-9).status == "regressed"
    assert reds <= 6  # at most 2 are expected, and no more than 6 with a probability of 99.5%


@pytest.mark.simulation
def test_on_a_noisy_host_a_loss_of_five_percent_is_mostly_found():
    """Rounds vary by 13% and launches by 1.5%, as measured (docs/figures.md), and the time is the default."""
    run = MadeUp(5, loss=0.05)
    found = 0
    for _ in range(100):
        run.begin()
        found += judge_of(run, comparisons=4).verdict(0.03).status == "regressed"
    assert found >= 90


def test_the_counterpart_has_the_launches_that_were_shared():
    """Further launches are of the accelerated pair only; native's samples are of the launches that all four had."""
    quiet = Disturbance(0.0, 0, 0, 0.0, 1.0)

    def series(participant, seconds, numbers):
        return Series(participant, [[Round((seconds,), quiet)] for _ in numbers], [*numbers])

    measurement = Measurement(series={
        HERE.native: series(HERE.native, 4.0, (0, 1)), THERE.native: series(THERE.native, 6.0, (0, 1)),
        HERE: series(HERE, 1.0, (0, 1, 2, 3)), THERE: series(THERE, 2.0, (0, 1, 3)),
    }, servers={number: number for number in range(4)})  # fmt: skip
    evidence = Evidence(("case", "openvino"), lambda: None, measurement, PREPARED, PREPARED)
    judge = SideBySideJudge(OTHER, Family(1), 20.0)
    found = judge._counterpart(evidence)
    assert (found.revision, found.commit) == ("main", "0" * 40)
    assert found.samples == ((2.0,),) * 3
    assert found.own_samples == ((1.0,),) * 3
    assert found.native_samples == ((6.0,),) * 2
    assert found.speedup.value == pytest.approx(3.0)
    assert found.speedup.n == 2
    kept = {THERE.native: THERE.native.kept, THERE: THERE, HERE.native: HERE.native.kept, HERE: HERE}
    for native, seconds in ((HERE.native.kept, 3.0), (THERE.native.kept, 5.0)):
        measurement.series[native] = series(native, seconds, (0, 1))
    measurement.kept = kept
    found = judge._counterpart(evidence)  # with memory kept, which is what is judged
    assert found.native_samples == ((5.0,),) * 2
    assert found.speedup.value == pytest.approx(2.5)
    del measurement.series[THERE]
    assert judge._counterpart(evidence) is None


def test_unlike_inputs_are_not_comparable_and_both_sides_are_kept(monkeypatch):
    """They were measured, only not on the same input."""
    monkeypatch.setattr(SideBySideJudge, "_counterpart", lambda *args: "kept")
    other_shape = SimpleNamespace(input_shapes=((1, 4),), program=PREPARED.program)
    evidence = Evidence(("case", "openvino"), lambda: None, None, PREPARED, other_shape)
    judgement = SideBySideJudge(OTHER, Family(1), 20.0).judge(evidence, 0.03)
    assert judgement.verdict.status == "not comparable"
    assert "its input was ((1, 4),) there and is ((1, 3),) here" in judgement.verdict.reason
    assert judgement.counterpart == "kept"


def test_memory_is_kept_on_both_sides_or_on_neither():
    """Where it failed on one side, the pairs are those by default: unlike things have no ratio."""
    participants = [*EVERYONE, HERE.native.kept, THERE.native.kept]
    measurement = Measurement(
        kept={HERE.native: HERE.native.kept, THERE.native: THERE.native.kept, HERE: HERE, THERE: THERE},
        series={participant: Series(participant) for participant in participants},
    )
    pair, everyone = _judged(measurement, HERE)
    assert (pair, everyone) == ((HERE, THERE), (HERE.native.kept, HERE, THERE.native.kept, THERE))
    del measurement.series[THERE.native.kept]
    assert _judged(measurement, HERE) == ((HERE, THERE), EVERYONE)


def test_looks_go_on_where_a_process_that_keeps_its_memory_fails_meanwhile():
    """Those by default, which the verdict then rests on, share the first launch alone: no reason to end."""
    generator, quiet = np.random.default_rng(3), Disturbance(0.0, 0, 0, 0.0, 1.0)
    participants = (*EVERYONE, HERE.native.kept, THERE.native.kept)
    measurement = Measurement(
        kept={HERE.native: HERE.native.kept, THERE.native: THERE.native.kept, HERE: HERE, THERE: THERE},
        series={one: Series(one) for one in participants},
    )

    def launch(number, taking_part):
        measurement.servers[number] = number % 12
        for one in taking_part:
            seconds = 2.0 * np.exp(generator.normal(0, 0.05)) if one == HERE else 1.0
            measurement.series[one].launches.append([Round((seconds,), quiet)] * 4)
            measurement.series[one].numbers.append(number)

    for number in range(5):
        launch(number, participants if number == 0 else (HERE, THERE, HERE.native.kept, THERE.native.kept))
    asked = []

    def look_again(more):
        asked.append(more)
        if len(asked) == 1:
            del measurement.series[THERE.native.kept]
        else:
            for number in range(len(measurement.servers), len(measurement.servers) + more.launches):
                launch(number, more.only)
        return 1.0

    sides = [SimpleNamespace(input_shapes=[(1, 3)], program={"digest": digest}) for digest in "ab"]
    evidence = Evidence(("case", "openvino"), lambda: None, measurement, *sides, look_again=look_again)
    verdict = PlainJudge(OTHER, Family(100), 60.0).judge(evidence, 0.45).verdict
    assert len(asked) >= 2
    assert asked[1].only == EVERYONE
    assert verdict.status == "regressed"


def test_two_servers_give_no_verdict_however_great_the_change():
    """Launches of one server repeat each other."""
    assert judge_of(MadeUp(6, loss=3.0, pool=2)).verdict(0.03).status == "inconclusive"
    assert judge_of(MadeUp(6, loss=3.0, pool=3)).verdict(0.03).status == "regressed"


@pytest.mark.parametrize("disturbed", [(), (0, 1, 2, 3)])
def test_it_is_judged_under_other_work_too(disturbed):
    """Both sides of the accelerated pair are disturbed alike; only the speedups are not told then."""
    quiet = Disturbance(0.0, 0, 0, 0.0, 1.0)
    seconds = {HERE.native: 4.0, HERE: 2.0, THERE.native: 4.0, THERE: 1.0}
    measurement = Measurement(
        kept={participant: participant for participant in EVERYONE},
        series={
            one: Series(one, [[Round((each + launch * 1e-5,), quiet)] * 4 for launch in range(4)], [*range(4)])
            for one, each in seconds.items()
        },
        servers={number: number for number in range(4)},
        disturbed=dict.fromkeys(disturbed, Cause.WAITING),
    )
    for one in measurement.series.values():
        one.ready = SimpleNamespace(graph=None)
    program = {"digest": "one", "operators": {}}
    sides = SimpleNamespace(input_shapes=[(1, 3)], program=program, cost={"macs": 1, "params": 1})
    evidence = Evidence(("case", "openvino"), lambda: None, measurement, sides, sides)
    verdict = SideBySideJudge(OTHER, Family(1), 20.0).judge(evidence, 0.03).verdict
    assert verdict.status == "regressed"
    assert verdict.change.value == pytest.approx(0.5, rel=1e-3)
    assert ("its speedups are not known, because its threads waited for cores" in verdict.reason) == bool(disturbed)
    assert ("4.00x (3.83 to 4.18) there, 2.00x (1.91 to 2.09) here" in verdict.reason) == (not disturbed)
    assert f" (threshold 3%: {FOUND.meaning}); " in verdict.reason
