"""What is told of a network on an NVIDIA card beside its latency: copies, calls back to back, kernels, a cold L2.

It is measured when all turns are over, because the profiler may leave something behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pytest_formfunc.stats import median

if TYPE_CHECKING:
    import numpy as np

    from pytest_formfunc.backends.cuda import CudaCalls

_CALLS = 5  # of each figure that is a median
_BACK_TO_BACK_S = 0.05
_MOST_CALLS = 500
_PROFILED = 3
_L2_ROUNDS = 15
_TIMES_L2 = 3  # bytes that are written to replace what the second-level cache holds
_SMALL_PART = 64  # of the cache, that is written as often instead; so the card is as busy, and little is replaced


def device_figures(engine: CudaCalls, inputs: tuple[np.ndarray[Any, Any], ...]) -> dict[str, float]:
    """Return seconds by name.

    ``copy_in_s`` and ``copy_out_s`` are those of copying the inputs to the card and the outputs back, which latencies
    do not have; ``back_to_back_s`` is that of a call among many that nobody waits for in between, the inverse of the
    throughput; ``l2_cold_s`` is that of a call after other data was written through the card's second-level cache, and
    ``l2_warm_s`` after as many bytes were written to a small part of it (both left out where its size is unknown or
    the card has no memory left); ``kernels_s`` is the time of a call in which at least one kernel ran (left out where
    CUPTI, the interface of NVIDIA's profilers, gives nothing).
    """
    call_s = median([engine.time_call() for _ in range(_CALLS)]) / 1e9
    many = max(_CALLS, min(_MOST_CALLS, round(_BACK_TO_BACK_S / max(call_s, 1e-7))))
    found = {
        "copy_in_s": median([_seconds(lambda: _copied(engine, inputs)) for _ in range(_CALLS)]),
        "copy_out_s": max(0.0, median([_seconds(engine.outputs) for _ in range(_CALLS)]) - call_s),
        "back_to_back_s": engine.time_many(many) / 1e9 / many,
    }
    found |= _second_level(engine)
    kernels_s = _kernels_s(engine)
    return found if kernels_s is None else {**found, "kernels_s": kernels_s}


def _second_level(engine: CudaCalls) -> dict[str, float]:
    """Return the seconds of a call with the second-level cache cold and warm, by the clock of the latency."""
    import torch

    size = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0)
    if not size:
        return {}
    try:
        other = torch.empty(_TIMES_L2 * size, dtype=torch.uint8, device="cuda")
    except torch.OutOfMemoryError:
        return {}
    small = other[: size // _SMALL_PART]

    def write(place: torch.Tensor, times: int) -> None:
        for _ in range(times):
            place.zero_()
        torch.cuda.synchronize()

    cold_s, warm_s = in_turns(
        engine.time_call, lambda: write(other, 1), lambda: write(small, other.numel() // small.numel())
    )
    return {"l2_cold_s": cold_s, "l2_warm_s": warm_s}


def in_turns(time_call: Callable[[], int], *before: Callable[[], None], rounds: int = _L2_ROUNDS) -> tuple[float, ...]:
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
    """Return the seconds of a call in which kernels ran, as torch's profiler (Kineto, CUPTI) saw them; None if none."""
    from torch.autograd.profiler import profile  # torch.profiler would import Inductor, which takes seconds

    try:
        with profile(use_cpu=False, use_device="cuda", use_kineto=True) as seen:
            for _ in range(_PROFILED):
                engine.call()
        spans = [
            (event.time_range.start, event.time_range.end)
            for event in seen.function_events or ()
            if event.device_type.name == "CUDA"
        ]
    except (RuntimeError, AssertionError):  # CUPTI is missing, or its counters are for the administrator only
        return None
    return covered(spans) / 1e6 / _PROFILED if spans else None


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
