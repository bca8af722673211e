"""What is told of a network on an NVIDIA card beside its latency: copies, calls back to back, the kernels' own time.

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


def device_figures(engine: CudaCalls, inputs: tuple[np.ndarray[Any, Any], ...]) -> dict[str, float]:
    """Return seconds by name.

    ``copy_in_s`` and ``copy_out_s`` are those of copying the inputs to the card and the outputs back, which latencies
    do not have; ``back_to_back_s`` is that of a call among many that nobody waits for in between, the inverse of the
    throughput; ``kernels_s`` is the time of a call in which at least one kernel ran (left out where CUPTI, the
    interface of NVIDIA's profilers, gives nothing).
    """
    call_s = median([engine.time_call() for _ in range(_CALLS)]) / 1e9
    many = max(_CALLS, min(_MOST_CALLS, round(_BACK_TO_BACK_S / max(call_s, 1e-7))))
    found = {
        "copy_in_s": median([_seconds(lambda: _copied(engine, inputs)) for _ in range(_CALLS)]),
        "copy_out_s": max(0.0, median([_seconds(engine.outputs) for _ in range(_CALLS)]) - call_s),
        "back_to_back_s": engine.time_many(many) / 1e9 / many,
    }
    kernels_s = _kernels_s(engine)
    return found if kernels_s is None else {**found, "kernels_s": kernels_s}


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
