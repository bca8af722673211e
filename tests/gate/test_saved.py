"""The judge of saved runs on made-up records: verdicts, sentences, what is not compared, false alarms."""

from dataclasses import replace

import numpy as np
import pytest
from support.records import CAUSE, contended, memory_kept, record, samples, saved

from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.decision import FOUND, MEASURED, decide
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.gate.explain import graph_change
from pytest_formfunc.gate.judge import Evidence
from pytest_formfunc.gate.judges import make_judge
from pytest_formfunc.gate.saved import SAVED, SavedJudge, locks_of_saved
from pytest_formfunc.gate.saved_change import Pair, measure_change, pair_of
from pytest_formfunc.records import METHOD_DRAWN
from pytest_formfunc.records.parts import Noise, Samples

THEN = saved(record(0.0025, draw=1))
STEADY = tuple(saved(record(0.0025, draw=draw)) for draw in range(2, 21))  # earlier runs, which hardly differ
KEY = ("residual-d8-w64", "openvino")


def judge(now, then, threshold, comparisons, history=(), pool=()):
    """Judge as a run does; further launches give the same record again."""
    baseline = Baseline("file", {KEY: then}, {}, {KEY: (*pool, then)}, {KEY: (*history, then)})
    return SavedJudge(baseline, Family(comparisons)).judge(Evidence(KEY, record=lambda: now), threshold).verdict


def sides(native, accelerated):
    """Return the rounds of a run each launch of which was forked from another server."""
    return Pair(native, accelerated, tuple(range(len(native.median))))


@pytest.mark.parametrize(
    ("factor", "status"),
    [(1.0, "unchanged"), (1.04, "unchanged"), (1.3, "regressed"), (2.0, "regressed"), (0.7, "improved")],
)
def test_the_verdict_follows_the_true_change(factor, status):
    """Losses beyond the threshold are regressions, gains are improvements, small changes neither."""
    verdict = judge(record(0.0025 * factor), THEN, 0.10, comparisons=32, history=STEADY, pool=STEADY[-4:])
    assert verdict.status == status
    assert verdict.change.low < 1 / factor < verdict.change.high


def test_a_loss_below_the_threshold_is_not_a_regression_however_certain():
    """The loss is real but not big enough."""
    verdict = judge(record(0.0025 * 1.3), THEN, 0.50, comparisons=1)
    assert verdict.status == "unchanged"


def test_a_loss_that_may_be_noise_is_not_a_regression_however_big():
    """It is inconclusive."""
    noisy = record(0.0025 * 1.3, samples=samples(0.0025 * 1.3, scatter=0.7))
    assert judge(noisy, THEN, 0.10, comparisons=32).status == "inconclusive"


def test_a_stricter_level_asks_for_more_evidence():
    """The probability of a false alarm is shared among all comparisons and looks."""
    both = sides(samples(0.010, seed=3), samples(0.0025, seed=4))
    change = measure_change(both, [both])
    assert change.interval(1e-5).low < change.interval(0.01).low < 1 < change.interval(0.01).high


def test_the_assumed_scatter_between_runs_widens_the_interval():
    """Even exact samples of two runs do not prove a change of ten percent."""
    exact = sides(samples(0.010, scatter=0), samples(0.0025, scatter=0))
    assert 0.80 < measure_change(exact, [exact]).estimate.low < 0.85


def pair(log, seed=0):
    return sides(samples(0.010 * np.exp(log), seed=seed), samples(0.0025, seed=seed + 500))


def test_a_varying_history_widens_the_interval_and_a_steady_one_narrows_it():
    """The interval is wider than as stated if saved runs varied by 30%, and narrower if they did not vary."""
    generator = np.random.default_rng(0)
    noisy = [pair(move, seed) for seed, move in enumerate(generator.normal(0, 0.30, 20))]
    calm = [pair(0.0, seed) for seed in range(20)]
    now, then = pair(0.0, 90), [pair(0.0, 91)]
    plain = measure_change(now, then).estimate.half_width
    assert measure_change(now, then, noisy).estimate.half_width > 1.8 * plain
    assert measure_change(now, then, calm).estimate.half_width < 0.9 * plain


def test_one_real_change_in_a_long_history_is_not_learnt_as_noise():
    """It affects only one of the successive differences."""
    stepped = [pair(0.0 if seed < 10 else 0.3, seed) for seed in range(20)]
    now, then = pair(0.0, 90), [pair(0.0, 91)]
    spread = float(np.std([0.0] * 10 + [0.3] * 10))
    assert np.sqrt(measure_change(now, then, stepped).noise.variance) < 0.5 * spread


def test_several_saved_runs_together_are_more_precise_than_one():
    """The noise of the saved runs averages out."""
    now, then = pair(0.0, 90), [pair(0.0, seed) for seed in range(5)]
    assert measure_change(now, then).estimate.half_width < 0.9 * measure_change(now, then[:1]).estimate.half_width


def test_a_threshold_that_saved_runs_cannot_judge_is_reported():
    """The sentence has the smallest loss that can be detected, and says what that is based on."""
    verdict = judge(record(0.0025), THEN, 0.02, comparisons=1)
    assert "a threshold of 2% is finer than saved runs can judge here" in verdict.reason
    assert "assumed, because few runs are saved" in verdict.reason
    assert verdict.smallest_change > 0.02


def test_the_verdict_is_not_unchanged_if_a_great_loss_is_possible():
    """An interval that reaches twice the threshold is inconclusive."""
    noisy = sides(samples(0.010, launches=3, scatter=0.5, seed=5), samples(0.0025, launches=3, scatter=0.5, seed=6))
    change = measure_change(noisy, [noisy])
    assert change.estimate.value == pytest.approx(1.0)
    assert decide(change, 0.05, 0.01) == "inconclusive"


def test_the_sentence_names_case_backend_speedups_threshold_and_side():
    """One sentence has everything that a person needs to act."""
    verdict = judge(record(0.0050), THEN, 0.10, comparisons=1)
    for words in (
        "residual-d8-w64 on openvino lost speedup: 4.0",
        "now",
        "(threshold 10%: a measured loss of two thirds of that fails if it is more than runs differ by)",
        "openvino got slower",
        "ms",
    ):
        assert words in verdict.reason
    assert "\n" not in verdict.reason


def test_native_is_named_if_it_is_what_changed():
    """The speedup fell, but the accelerated latency did not rise."""
    verdict = judge(record(0.0025, native_s=0.005), THEN, 0.10, comparisons=1)
    assert verdict.status == "regressed"
    assert "native got faster" in verdict.reason


def test_version_and_kernel_changes_are_part_of_the_sentence():
    """Besides the timing it has the changes that have no noise."""
    now = record(
        0.0050, host={"cpu": "CPU", "versions": {"openvino": "2"}}, graph={"hash": "b", "kernels": {"ref": 17}}
    )
    reason = judge(now, THEN, 0.10, comparisons=1).reason
    assert "openvino 1 -> 2" in reason
    assert "kernels changed: brgconv 17 -> 0, ref 0 -> 17" in reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fingerprint": "there"}, "another machine"),
        ({"threads": 1}, "threads was 2, is 1"),
        ({"input_shape": (2, 3, 224, 224)}, "input shape was"),
        ({"seed": 1}, "seed was 0, is 1"),
        ({"precision": "bf16"}, "precision was f32, is bf16"),
        ({"card": {"name": "T4"}}, "another card, driver or CUDA (name unknown then, T4 now)"),
    ],
)
def test_unlike_records_are_not_compared(change, reason):
    """Machine, threads, input, seed and precision must be the same as in the baseline."""
    verdict = judge(record(0.0050, **change), THEN, 0.10, comparisons=1)
    assert verdict.status == "not comparable"
    assert verdict.change is None
    assert reason in verdict.reason


def test_an_equal_graph_is_reported():
    """The user should know that timing changed without a change of the graph."""
    graph = {"hash": "a", "kernels": {"x": 1}}
    assert graph_change(graph, graph) == ["the engine executes the same kernels as before"]
    assert graph_change(None, graph) == []


def test_a_loss_during_other_work_is_not_a_regression():
    """Other work slows engines unequally; the kernel's run-queue delay shows that there was some."""
    busy = record(0.0050, noise=Noise(0.1, 0, 0, 0, 0.4))
    verdict = judge(busy, THEN, 0.10, comparisons=1)
    assert verdict.status == "inconclusive"
    assert "waited for a core 20% of the time and 0% then" in verdict.reason
    huge = judge(record(0.0250, noise=Noise(0.1, 0, 0, 0, 0.4)), THEN, 0.10, comparisons=1)
    assert huge.status == "regressed"  # a factor of ten, more than waiting 20% of the time explains
    assert judge(record(0.0050, noise=Noise(0.9, 0, 0, 0, 0.05)), THEN, 0.10, comparisons=1).status == "regressed"


def test_more_launches_make_the_change_more_precise():
    """They reduce the variance from launches of this run, but not the variance between runs."""
    then = [sides(samples(0.010, scatter=0.2, seed=1), samples(0.0025, scatter=0.2, seed=2))]
    few = sides(samples(0.010, launches=6, scatter=0.3, seed=3), samples(0.0025, launches=6, scatter=0.3, seed=4))
    many = sides(samples(0.010, launches=40, scatter=0.3, seed=3), samples(0.0025, launches=40, scatter=0.3, seed=4))
    assert measure_change(many, then).variance < 0.8 * measure_change(few, then).variance
    assert measure_change(many, then).variance > measure_change(few, then).noise.variance / 2


def test_a_run_that_other_work_disturbed_is_inconclusive_and_waits_for_quiet_first():
    """Further launches may be quiet, so they are asked for, patiently; if none is, the sentence says what to do."""
    asked = []
    evidence = Evidence(
        KEY, record=lambda: contended(record(0.0500)), look_again=lambda more: asked.append(more) or 0.0
    )
    baseline = Baseline("file", {KEY: THEN}, {}, {KEY: (THEN,)}, {KEY: (THEN,)})
    verdict = SavedJudge(baseline, Family(1)).judge(evidence, 0.10).verdict
    assert (verdict.status, verdict.change) == ("inconclusive", None)
    assert f"cannot be compared now, because {CAUSE}: close what keeps the cores busy" in verdict.reason
    assert [more.launches for more in asked] == [6, 14]
    assert all(more.patient for more in asked)


def test_a_run_that_becomes_quiet_is_judged_after_all():
    """The first further launches were undisturbed."""
    made = [contended(record(0.0500)), record(0.0050)]
    evidence = Evidence(KEY, record=lambda: made[0], look_again=lambda more: made.pop(0) and 0.0)
    baseline = Baseline("file", {KEY: THEN}, {}, {KEY: (THEN,)}, {KEY: (THEN,)})
    assert SavedJudge(baseline, Family(1)).judge(evidence, 0.10).verdict.status == "regressed"


def test_a_saved_run_that_was_disturbed_is_no_baseline():
    """It claims no speedup, and the sentence says why."""
    verdict = judge(record(0.0050), saved(contended(record(0.0025))), 0.10, comparisons=1)
    assert (verdict.status, verdict.change) == ("not comparable", None)
    assert verdict.reason == f"the baseline claims no speedup for it, because {CAUSE}"


def test_of_several_saved_runs_the_undisturbed_ones_are_compared_with():
    """The newest was disturbed, so the one before it takes its place, alone."""
    newest = saved(contended(record(0.5)))
    assert judge(record(0.0050), newest, 0.10, comparisons=1, pool=(THEN,), history=(THEN,)).status == "regressed"
    assert judge(record(0.0025), newest, 0.10, comparisons=1, pool=(THEN,), history=(THEN,)).status == "unchanged"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"method": METHOD_DRAWN}, f"the baseline was measured by another method ({METHOD_DRAWN}; now "),
        (
            {"host": {**THEN.host, "allocator": "libjemalloc.so.2"}},
            "the baseline was measured with another allocator (libjemalloc.so.2; now None)",
        ),
    ],
)
def test_runs_that_managed_memory_in_another_way_are_not_compared(change, reason):
    """Their speedups are of unlike things, on the same machine."""
    verdict = judge(record(0.0025), replace(THEN, **change), 0.10, comparisons=1)
    assert verdict.status == "not comparable"
    assert verdict.reason.startswith(reason)


def test_the_speedup_with_memory_kept_is_what_is_compared():
    """By default nothing moved, and with memory kept native became twice as fast, or the other way round."""
    then = saved(memory_kept(record(0.0025, draw=1), 0.008))
    assert judge(memory_kept(record(0.0025), 0.004), then, 0.10, comparisons=1).status == "regressed"
    verdict = judge(memory_kept(record(0.0025, native_s=0.005), 0.008), then, 0.10, comparisons=1)
    assert verdict.status == "unchanged"
    assert "3.2" in verdict.reason
    assert "native 8.0" in verdict.reason


def test_launches_of_one_server_are_not_independent():
    """Twelve launches of two servers are two values: the interval is that of two, however well launches agree."""
    apart = np.repeat([[-0.2], [0.2]], 6, axis=0)
    native = Samples(tuple(map(tuple, (0.010 * np.exp(apart) * np.ones((1, 8))).tolist())), ())
    accelerated = samples(0.0025, launches=12, scatter=0.001)
    of_two = Pair(native, accelerated, (0,) * 6 + (1,) * 6)
    of_twelve = Pair(native, accelerated, tuple(range(12)))
    assert of_two.mean.standard_error > 1.5 * of_twelve.mean.standard_error
    assert measure_change(of_two, [of_two]).servers == 2


def test_one_server_decides_nothing():
    """Nothing shows how servers differ."""
    alone = replace(pair_of(THEN), servers=(0,) * 6)
    change = measure_change(alone, [alone])
    assert not change.enough
    assert decide(change, 0.10, 0.01) == "inconclusive"


def looking(now, escalation_s=100.0, launch_s=1.0):
    """Judge one comparison with a single saved run; return the verdict, the requests for launches, and their time.

    Each further launch takes ``launch_s``, as many are made as there is time for, and they are like those before.
    """
    asked, made = [], {KEY: now}

    def look_again(more):
        asked.append(more)
        launches = min(more.launches, int(more.seconds / launch_s))
        have = made[KEY].launches
        made[KEY] = shaped(have + launches, made[KEY].native_samples, made[KEY].samples) if launches else made[KEY]
        return launches * launch_s

    baseline = Baseline("file", {KEY: THEN}, {}, {KEY: (THEN,)}, {KEY: (THEN,)})
    evidence = Evidence(KEY, lambda: made[KEY], look_again=look_again, so_far=lambda: [*made.values()])
    return SavedJudge(baseline, Family(1), escalation_s).judge(evidence, 0.10).verdict, asked


def shaped(launches, native, accelerated):
    """Return a record with so many launches, by repeating those that there are."""
    sides = [
        Samples(*(tuple(each[at % len(each)] for at in range(launches)) for each in (one.median, one.low)))
        for one in (native, accelerated)
    ]
    return record(0.0025, native_samples=sides[0], samples=sides[1])


RESTLESS = record(
    0.0025 * 1.1, samples=samples(0.0025 * 1.1, scatter=0.6, seed=3), native_samples=samples(0.010, scatter=0.6, seed=4)
)


def test_further_looks_take_no_longer_than_what_is_left():
    """No launch has to be made: where none fits, the look that was is the last one."""
    verdict, asked = looking(RESTLESS)
    assert (verdict.status, [more.launches for more in asked]) == ("inconclusive", [6, 14])
    assert [more.seconds for more in asked] == [100.0, 94.0]
    assert all(more.patient and more.least == 0 for more in asked)
    _, asked = looking(RESTLESS, escalation_s=4.5)
    assert [more.seconds for more in asked] == [4.5, 0.5]
    verdict, asked = looking(RESTLESS, escalation_s=0.0)
    assert (verdict.status, verdict.looks, asked) == ("inconclusive", 1, [])


def test_what_further_launches_cannot_make_surer_is_looked_at_once():
    """What runs differ by is in all launches of a run: these hardly scatter, so more of them would tell nothing."""
    verdict, asked = looking(record(0.0025 * 1.15))
    assert (verdict.status, verdict.looks, asked) == ("inconclusive", 1, [])


def test_a_comparison_leaves_the_time_that_it_did_not_need():
    """The second has its own and what the first left."""
    keys = [("one", "openvino"), ("two", "openvino")]
    then = {key: replace(THEN, case=key[0]) for key in keys}
    alone = {key: (made,) for key, made in then.items()}
    judge, asked = SavedJudge(Baseline("file", then, {}, alone, alone), Family(2), 10.0), []
    for key, now in zip(keys, (record(0.0025), RESTLESS), strict=True):
        made = replace(now, case=key[0])
        evidence = Evidence(key, lambda made=made: made, look_again=lambda more: asked.append(more.seconds) or 3.0)
        judge.judge(evidence, 0.10)
    assert asked == [20.0, 17.0]


def many(now, count, escalation_s=0.0):
    """Judge the last of ``count`` cases, all of which are measured; the others are as they were, and steady."""
    names = [f"case-{at}" for at in range(count)]
    then = {(name, "openvino"): saved(record(0.0025, case=name, draw=at)) for at, name in enumerate(names)}
    alone = {key: (made,) for key, made in then.items()}
    records = [record(0.0025, case=name, draw=300 + at) for at, name in enumerate(names[:-1])]
    records.append(replace(now, case=names[-1]))
    judge = SavedJudge(Baseline("file", then, {}, alone, alone), Family(count), escalation_s)
    return judge.judge(Evidence(records[-1].key, lambda: records[-1], so_far=lambda: records), 0.10).verdict


def test_the_changes_of_all_cases_say_how_much_runs_differ():
    """Of one saved run a loss of 30% may be noise; beside fifteen cases that kept their speedup it is not."""
    worse = record(0.0025 / 0.7)
    assert many(worse, 15).status == "inconclusive"
    assert many(worse, 16).status == "regressed"


def test_the_sentence_says_what_the_smallest_loss_seen_is_based_on():
    """On this run's changes, on saved runs, or on nothing but what is stated."""
    assert "(assumed, because few runs are saved)" in many(record(0.0025 / 0.9), 15).reason
    assert "(learnt from 16 changes of this run)" in many(record(0.0025 / 0.9), 16).reason
    unlike = [saved(record(0.0025 * factor)) for factor in (1.0, 1.2, 0.9, 1.1)]
    verdict = judge(record(0.0025 / 0.9), unlike[-1], 0.10, comparisons=1, history=unlike[:-1])
    assert "(learnt from 4 runs)" in verdict.reason


def test_unchanged_says_what_is_ruled_out():
    """Twice the threshold: 1 - 0.9^2."""
    verdict = judge(record(0.0025), THEN, 0.10, comparisons=1, history=STEADY, pool=STEADY[-4:])
    assert verdict.status == "unchanged"
    assert "; a loss of 19.0% is ruled out" in verdict.reason


def test_the_locks_of_saved_runs_are_those_of_what_the_threshold_means():
    """A sentence does not promise what saved runs do not hold."""
    assert locks_of_saved(FOUND) == SAVED
    measured = locks_of_saved(MEASURED)
    assert replace(measured, meaning=MEASURED.meaning) == MEASURED
    for locks in (SAVED, measured):
        assert locks.meaning.endswith("fails if it is more than runs differ by")


def test_equal_kernels_need_more_evidence_of_a_loss_and_less_of_none():
    """As side by side."""
    same = {**THEN.graph, "program": "one"}
    moved = [record(0.0025 * factor, graph=graph) for factor in (1.07, 1.3) for graph in (None, same)]
    statuses = [judge(now, replace(THEN, graph=now.graph), 0.10, comparisons=1).status for now in moved]
    assert statuses == ["inconclusive", "unchanged", "regressed", "inconclusive"]


def test_equal_kernels_of_another_program_or_an_unknown_one_are_not_the_same():
    """Native may run something else then, and so may what surrounds the kernels."""
    for then, now in (("one", "two"), ("one", None), (None, None), ("", "")):
        graphs = [THEN.graph if program is None else {**THEN.graph, "program": program} for program in (then, now)]
        saved_run, moved = replace(THEN, graph=graphs[0]), record(0.0025 * 1.3, graph=graphs[1])
        assert judge(moved, saved_run, 0.10, comparisons=1).status == "regressed"


@pytest.mark.parametrize("locks", [FOUND, MEASURED])
def test_a_run_is_judged_by_them(locks):
    """Whatever the threshold means, the sentence says what it means here."""
    baseline = Baseline("file", {KEY: THEN}, {}, {KEY: (*STEADY[-4:], THEN)}, {KEY: (*STEADY, THEN)})
    made = make_judge(baseline, "time", 1, 0.0, locks)
    reason = made.judge(Evidence(KEY, record=lambda: record(0.0025)), 0.10).verdict.reason
    assert f"(threshold 10%: {locks_of_saved(locks).meaning})" in reason
    assert "a loss of 19.0% is ruled out" in reason
