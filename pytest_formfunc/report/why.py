"""Why a form gains, in words: a sentence for each thing that instruments have observed of a case."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pytest_formfunc.records import Record
from pytest_formfunc.stats import Estimate
from pytest_formfunc.units import format_bytes, format_estimate, format_ms, format_percent

_DAMAGED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def explain(records: Sequence[Record]) -> Iterator[str]:
    """Say what was observed of a case.

    Args:
        records: of one case, whose observations may come from a file.
    """
    for record in sorted(records, key=lambda one: not one.native):
        for name, found in record.observations.items():
            title = f"{record.backend}, {name}"
            if "unavailable" in found:
                yield f"{title}: not observed, because {found['unavailable']}"
                continue
            try:
                words = list(_WORDS[name](found)) if name in _WORDS else [str(found.get("source", ""))]
            except _DAMAGED as error:
                yield f"{title}: what the file says of it is damaged ({type(error).__name__})"
                continue
            yield from (f"{title}: {one}" for one in words)


def _cache(found: Mapping[str, Any]) -> Iterator[str]:
    cold, sham = _estimate(found["cold_over_sham"]), _estimate(found["sham_over_warm"])
    yield (
        f"with caches that hold other data a call takes {format_estimate(cold)} of what it takes after a pause of the "
        f"same length ({format_ms(float(found['median_s']['sham']))} ms), which is itself {format_estimate(sham)} of a "
        "warm one"
    )
    if "weights_cold_over_sham" in found:
        weights = _estimate(found["weights_cold_over_sham"])
        yield f"with {int(found['copies'])} copies of its weights in turn it takes {format_estimate(weights)}"
    if "speedup_cold_over_sham" in found:
        change = _estimate(found["speedup_cold_over_sham"])
        yield f"so its speedup with cold caches is {format_estimate(change)} of that without"


def _reuse(found: Mapping[str, Any]) -> Iterator[str]:
    served, touched = float(found["efficacy"]), float(found["touched_bytes"])
    llc = int(found["llc_bytes"])
    yield (
        f"by a model of its tensors ({format_bytes(touched)}) a cache of {llc >> 20} MiB serves "
        f"{format_percent(round(served, 3))} of the bytes that it touches"
    )


def _estimate(found: Mapping[str, Any]) -> Estimate:
    high = math.inf if found["high"] is None else float(found["high"])
    return Estimate(float(found["value"]), float(found["low"]), high)


_WORDS: dict[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {"cache": _cache, "reuse": _reuse}
