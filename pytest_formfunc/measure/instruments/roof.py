"""The roofline: what the engine and the memory can do at most here, and how much of that a call gets.

Williams, Waterman and Patterson, Roofline: an insightful visual performance model for multicore architectures,
Communications of the ACM 52 (2009). The peak is that of the engine's own large product, in its precision and with its
threads; the bandwidth that of the triad ``a = b + s * c`` (McCalpin's STREAM), which counts three arrays and not the
reading of what is overwritten.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.forms.single_layers import LayerSource
from pytest_formfunc.function.widths import Layer
from pytest_formfunc.measure.instruments.base import Instrument, Launches, Seen, Subject, as_json, ratio_of

SIZE = 1024  # rows and columns of the product's matrices
PRODUCT = LayerSource(Layer(SIZE, SIZE, (SIZE,)))
SECONDS = 0.08  # of each figure
FEWEST = 2
BEYOND, INSIDE = 4.0, 0.25  # bytes of the triad's arrays, of the last-level cache's
WITHOUT_LLC_BYTES = 64 << 20  # where its size is unknown
_FLOAT_BYTES = 4


class Roof(Instrument):
    """Peak, bandwidths, and what the case achieves, in the same process."""

    def observe(self, subject: Subject) -> Seen:
        """Return FLOP/s of the engine's product, bytes/s of the triad beyond and inside the cache, seconds a call."""
        if subject.load_product is None:
            raise MeasurementError("the engine cannot compute one large product")
        product = subject.load_product()
        llc = subject.llc_bytes or WITHOUT_LLC_BYTES
        return {
            "peak_flops": 2 * SIZE**3 / _least(product),
            "bandwidth": triad(int(BEYOND * llc)),
            "bandwidth_inside": triad(int(INSIDE * llc)),
            "call_s": _least(subject.timer) / subject.batches,
            "llc_bytes": subject.llc_bytes,
        }

    def sum_up(self, launches: Launches) -> dict[str, Any]:
        """Return these with intervals, the case's intensity, and its share of the roof."""
        logs = {
            name: [math.log(seen[name]) for seen in launches.own]
            for name in ("peak_flops", "bandwidth", "bandwidth_inside", "call_s")
        }
        found: dict[str, Any] = {
            "source": "the engine's own product, a triad, and the case's fastest calls, in the same processes",
            **{name: as_json(ratio_of(values)) for name, values in logs.items()},
        }
        flops = 2 * launches.cost["macs"]
        reuse = launches.known.get("reuse", {})
        touched = reuse.get("touched_bytes") or launches.cost["weight_bytes"] + launches.cost["activation_bytes"]
        if not flops or not touched:
            found["why_no_share"] = "it has no multiply-accumulates" if not flops else "it touches no tensors"
            return found
        inside = bool(reuse) and touched <= reuse["cache_bytes"]
        bandwidth = logs["bandwidth_inside" if inside else "bandwidth"]
        roofs = [
            min(peak, math.log(flops / touched) + one) for peak, one in zip(logs["peak_flops"], bandwidth, strict=True)
        ]
        achieved = [math.log(flops) - one for one in logs["call_s"]]
        found |= {
            "flops": flops,
            "bytes": touched,
            "intensity": flops / touched,
            "inside_llc": inside,
            "bound_by": "memory" if sum(roofs) < sum(logs["peak_flops"]) else "computing",
            "achieved_flops": as_json(ratio_of(achieved)),
            "share_of_roof": as_json(ratio_of([one - roof for one, roof in zip(achieved, roofs, strict=True)])),
        }
        return found


def triad(bytes_of_all: int) -> float:
    """Return the bytes a second of ``a = b + 3 c`` on arrays of so many bytes together."""
    import torch

    count = max(1024, bytes_of_all // (3 * _FLOAT_BYTES))
    a, b, c = (torch.ones(count) for _ in range(3))

    def timer() -> int:
        started = time.perf_counter_ns()
        torch.add(b, c, alpha=3.0, out=a)
        return time.perf_counter_ns() - started

    return 3 * _FLOAT_BYTES * count / _least(timer)


def _least(timer: Callable[[], int]) -> float:
    """Return the seconds of the fastest of repeated calls: a roof is what is possible."""
    timer()
    taken: list[int] = []
    end = time.perf_counter() + SECONDS
    while len(taken) < FEWEST or time.perf_counter() < end:
        taken.append(timer())
    return min(taken) / 1e9
