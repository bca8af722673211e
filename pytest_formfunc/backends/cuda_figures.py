"""What is told of a network on an NVIDIA card beside its latency: copies, calls back to back, kernels, a cold L2.

It is measured when all turns are over, because the profiler may leave something behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pytest_formfunc.stats import median

if TYPE_CHECKING:
    import numpy as np

    from pytest_formfunc.backends.cuda import CudaCalls

_CALLS = 5  # of each figure that is a median
_SECONDS = 0.5  # of the calls of one figure; fewer of long calls
_BACK_TO_BACK_S = 0.05
_MOST_CALLS = 500
_PROFILED = 3
_MOST_KERNELS = 20_000  # that the profiler is given to keep
_L2_ROUNDS, _FEWEST_ROUNDS = 15, 3
_TIMES_L2 = 3  # bytes that are written to replace what the second-level cache holds
_SMALL_PART = 8  # of the cache, that is written again and again instead; so the card is busy, and little is replaced


def device_figures(engine: CudaCalls, inputs: tuple[np.ndarray[Any, Any], ...]) -> dict[str, float]:
    """Return seconds by name.

    ``copy_in_s`` and ``copy_out_s`` are those of copying the inputs to the card and the outputs back, which latencies
    do not have; ``back_to_back_s`` is that of a call among many that nobody waits for in between, the inverse of the
    throughput; ``l2_cold_s`` is that of a call after other data was written through the card's second-level cache, and
    ``l2_warm_s`` after as many bytes were written to a small part of it (both left out where its size is unknown or
    the card has no memory left); ``kernels_s`` is the time of a call in which at least one kernel ran (left out where
    CUPTI, the interface of NVIDIA's profilers, gives nothing).
    """
    _ramp_up(engine)
    first_s = max(engine.time_call() / 1e9, 1e-7)
    calls = max(1, min(_CALLS, int(_SECONDS / first_s)))
    call_s = median([engine.time_call() for _ in range(calls)]) / 1e9
    many = max(calls, min(_MOST_CALLS, round(_BACK_TO_BACK_S / first_s)))
    found = {
        "copy_in_s": median([_seconds(lambda: _copied(engine, inputs)) for _ in range(calls)]),
        "copy_out_s": max(0.0, median([_seconds(engine.outputs) for _ in range(calls)]) - call_s),
        "back_to_back_s": engine.time_many(many) / 1e9 / many,
    }
    rounds = min(_L2_ROUNDS, int(_SECONDS / first_s))
    if rounds >= _FEWEST_ROUNDS:
        found |= _second_level(engine, rounds)
    kernels_s = _kernels_s(engine)
    return found if kernels_s is None else {**found, "kernels_s": kernels_s}


def _ramp_up(engine: CudaCalls) -> None:
    """Call until the card's clock has risen: it is idle while other engines tell their figures."""
    end = time.perf_counter() + engine.ramp_s
    while time.perf_counter() < end:
        engine.call()


def _second_level(engine: CudaCalls, rounds: int) -> dict[str, float]:
    """Return the seconds of a call with the second-level cache cold and warm, by the clock of the latency."""
    import torch

    size = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0)
    if not size:
        return {}

    def write(place: torch.Tensor, times: int) -> None:
        for _ in range(times):
            place.zero_()
        torch.cuda.synchronize()

    try:
        other = torch.empty(_TIMES_L2 * size, dtype=torch.uint8, device="cuda")
        small = other[: size // _SMALL_PART]
        cold_s, warm_s = in_turns(
            engine.time_call,
            lambda: write(other, 1),
            lambda: write(small, other.numel() // small.numel()),
            rounds=rounds,
        )
    except RuntimeError:  # no memory is left; what else there is to tell is not lost
        return {}
    return {"l2_cold_s": cold_s, "l2_warm_s": warm_s}


def in_turns(time_call: Callable[[], int], *before: Callable[[], None], rounds: int) -> tuple[float, ...]:
    """Return the median seconds of a call after each of some acts, which take turns.

    A call that is not timed precedes each act, so that no act finds what another one has left.

    Args:
        time_call: calls once and returns nanoseconds.
        before: the acts.
        rounds: how often each is done.
    """
    taken: list[list[int]] = [[] for _ in before]
    for _ in range(rounds):
        for act, times in zip(before, taken, strict=True):
            time_call()
            act()
            times.append(time_call())
    return tuple(median(times) / 1e9 for times in taken)


def _copied(engine: CudaCalls, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
    import torch

    engine.set_inputs(inputs)
    torch.cuda.synchronize()


def _seconds(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _kernels_s(engine: CudaCalls) -> float | None:
    """Return the seconds of a call in which kernels ran, as torch's profiler (Kineto, CUPTI) saw them; None if none.

    The card is idle while the profiler starts, so calls that raise its clock are recorded too, and the last ones count.
    """
    made = 0
    try:
        few = _spans_of(engine.call)
        most = max(_PROFILED, _MOST_KERNELS // max(1, len(few)))

        def calls() -> None:
            nonlocal made
            end = time.perf_counter() + engine.ramp_s
            while made < _PROFILED or (made < most and time.perf_counter() < end):
                engine.call()
                made += 1

        return per_call(_spans_of(calls), made) if few else None
    except (RuntimeError, AssertionError):  # CUPTI is missing, or its counters are for the administrator only
        return None


def _spans_of(act: Callable[[], Any]) -> list[tuple[float, float]]:
    """Return when each kernel of an act began and ended, in microseconds."""
    from torch.autograd.profiler import profile  # torch.profiler would import Inductor, which takes seconds

    with profile(use_cpu=False, use_device="cuda", use_kineto=True) as seen:
        act()
    return [
        (event.time_range.start, event.time_range.end)
        for event in seen.function_events or ()
        if event.device_type.name == "CUDA"
    ]


def per_call(spans: Sequence[tuple[float, float]], calls: int) -> float | None:
    """Return the seconds of a call in which a kernel ran, of the last few calls; None where no kernel did.

    Where calls do not have equally many kernels, these cannot be told apart, and it is the mean of all calls.

    >>> per_call([(0.0, 9.0), (20.0, 21.0), (30.0, 31.0), (40.0, 41.0)], calls=4)
    1e-06

    Args:
        spans: microseconds in which each kernel of all calls ran.
        calls: how many there were.
    """
    if not spans:
        return None
    kernels, rest = divmod(len(spans), calls)
    last = calls if rest else min(_PROFILED, calls)
    counted = spans if rest else sorted(spans)[-last * kernels :]
    return covered(counted) / 1e6 / last


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length that spans cover together; where they overlap it counts once.

    >>> covered([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0)])
    4.0
    """
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
