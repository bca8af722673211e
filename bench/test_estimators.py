"""How well several estimators of a speedup repeat from run to run on this machine, all on the same samples.

Each run has its own servers and spends the suite's whole budget on a case, even once it is precise enough. This prints,
for each estimator of the speedup with memory kept, the standard deviation of its log between runs, and the same for the
speedup by default as the suite estimates it; then the scatter of rounds and launches, where the time goes, and the
number of rounds a launch that would be best in view of both.

FORMFUNC_REPEATS sets the number of runs (default 8), FORMFUNC_BUDGET the seconds for a case (default 7).
"""

from __future__ import annotations

import math
import os
from itertools import chain
from statistics import fmean

import numpy as np
import pytest
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure.effort import Effort
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.stats import trimmed_mean

RUNS = int(os.environ.get("FORMFUNC_REPEATS", "8"))
OPENVINO = Participant("openvino")
BUDGET_S = float(os.environ.get("FORMFUNC_BUDGET", "7"))
FORMS = [
    ("fire", 2), ("residual_bottleneck", 8), ("channel_shuffle", 8), ("depthwise_separable", 2), ("plain", 8),
    ("grouped_residual_bottleneck", 2),
]  # fmt: skip


def of_rounds(launches, q):
    """Return, for each launch, the ``q`` quantile of each round's calls."""
    return [np.array([np.quantile(calls, q) for calls in launch]) for launch in launches]


def flat(launches):
    return np.concatenate([np.concatenate(launch) for launch in launches])


def paired_rounds(q):
    """Mean over launches of the trimmed mean of the paired rounds' log ratios; the suite's own has q = 0.5."""
    return lambda over, under: fmean(
        float(trimmed_mean(np.log(a) - np.log(b))) for a, b in zip(of_rounds(over, q), of_rounds(under, q), strict=True)
    )


def paired_launches(q):
    """Mean over launches of the log ratio of the quantiles of each launch's pooled calls."""
    return lambda over, under: fmean(
        float(np.log(np.quantile(np.concatenate(a), q) / np.quantile(np.concatenate(b), q)))
        for a, b in zip(over, under, strict=True)
    )


def pooled(q):
    """Log ratio of the quantiles of all calls, as a tool that times each engine separately would report it."""
    return lambda over, under: float(np.log(np.quantile(flat(over), q) / np.quantile(flat(under), q)))


ESTIMATORS = {
    "paired rounds, medians (ours)": paired_rounds(0.5),
    "paired rounds, quartiles": paired_rounds(0.25),
    "paired rounds, minima": paired_rounds(0.0),
    "launches, ratio of medians": paired_launches(0.5),
    "launches, ratio of 10% quantiles": paired_launches(0.1),
    "launches, ratio of minima": paired_launches(0.0),
    "pooled, ratio of medians": pooled(0.5),
    "pooled, ratio of 10% quantiles": pooled(0.1),
    "pooled, ratio of minima": pooled(0.0),
}


def one_run(laboratory, case):
    """Measure a case; return the calls of native and of the engine, with memory kept, by launch and round."""
    measurer = laboratory.measurer(case, {Side.HERE: laboratory.prepare(case)})
    result = measurer.measure(Effort(0.0001, BUDGET_S))
    pair = result.ranked_pair(OPENVINO)
    launches = result.undisturbed(*pair)
    return [
        [
            [turn.calls_s for turn in rounds]
            for number, rounds in zip(result.series[one].numbers, result.series[one].launches, strict=True)
            if number in launches
        ]
        for one in pair
    ], result


def components(over, under):
    """Return the variance of rounds' log ratios within a launch, and that of launches beyond what rounds explain."""
    launches = [np.log(a) - np.log(b) for a, b in zip(of_rounds(over, 0.5), of_rounds(under, 0.5), strict=True)]
    within = fmean(float(rounds.var(ddof=1)) for rounds in launches)
    explained = fmean(within / len(rounds) for rounds in launches)
    return within, float(np.var([rounds.mean() for rounds in launches], ddof=1)) - explained


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Measure every form once in each run; forms take turns, so that slow changes of the machine affect all alike."""
    scratch = tmp_path_factory.mktemp("estimators")
    done = {}
    for _ in range(RUNS):
        laboratory = Laboratory(scratch)
        try:
            laboratory.start()
            for pattern, depth in FORMS:
                case = pattern_case(pattern, depth, 64)
                done.setdefault(case.id, []).append(one_run(laboratory, case))
        finally:
            laboratory.close()
    return done


def test_which_estimator_repeats_best(runs, capsys):
    """No other estimator of the same quantity may be clearly better than the suite's own."""
    spread = {}
    lines = [f"estimators: {RUNS} runs of {BUDGET_S:g} s; speedup and sd of its log between runs"]
    lines.append(f"{'':33}" + "".join(f"{name[:17]:>19}" for name in runs) + f"{'rms':>8}")
    found = {
        name: {case: [estimate(*calls) for calls, _ in done] for case, done in runs.items()}
        for name, estimate in ESTIMATORS.items()
    }
    found["by default, over servers (ours)"] = {
        case: [math.log(result.speedup(OPENVINO).value) for _, result in done] for case, done in runs.items()
    }
    for name, by_case in found.items():
        cells, squares = [], []
        for logs in by_case.values():
            squares.append(float(np.var(logs, ddof=1)))
            cells.append(f"{math.exp(fmean(logs)):10.2f}x ±{math.sqrt(squares[-1]):.3f}")
        spread[name] = math.sqrt(fmean(squares))
        lines.append(f"{name:33}" + "".join(f"{cell:>19}" for cell in cells) + f"{spread[name]:8.3f}")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    ours = spread["paired rounds, medians (ours)"]
    assert ours <= 1.5 * min(spread["paired rounds, quartiles"], spread["launches, ratio of medians"])


def test_what_scatters_and_where_the_time_goes(runs, capsys):
    """Print what limits the interval; the only assertion is that counted calls take less than the whole time."""
    with capsys.disabled():
        print("\nlimits: sd of the log ratio within / between launches; launches; seconds; counted share; best rounds")
        for name, done in runs.items():
            parts = [components(*calls) for calls, _ in done]
            within, between = fmean(part[0] for part in parts), fmean(part[1] for part in parts)
            counted = [float(sum(chain(*map(flat, calls)))) for calls, _ in done]
            spent = [result.spent_s for _, result in done]
            launches = fmean(len(result.servers) for _, result in done)
            rounds = fmean(len(launch) for calls, _ in done for launch in calls[0])
            load_s = fmean(result.load_s / len(result.servers) for _, result in done)
            round_s = (fmean(spent) / launches - load_s) / rounds
            best = math.sqrt(load_s / round_s * within / between) if between > 0 else math.inf
            claimed = fmean(result.ranked_speedup(OPENVINO).half_width for _, result in done)
            print(
                f"limits: {name:35} {math.sqrt(within):.3f} / {math.copysign(math.sqrt(abs(between)), between):+.3f}; "
                f"{launches:.1f} of {rounds:.1f} rounds; load {load_s:.2f} s a launch, {round_s * 1e3:.0f} ms a round; "
                f"{fmean(counted) / fmean(spent):.0%} counted; best {best:.0f}; claimed ±{claimed:.1%}"
            )
            assert all(part < whole for part, whole in zip(counted, spent, strict=True))
