"""Why a form gains, in words: a sentence for each thing that instruments have observed of a case."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from pytest_formfunc.function.efficacy import ways_of
from pytest_formfunc.records import Record
from pytest_formfunc.report.advice import advice_words
from pytest_formfunc.report.estimates import estimate_of
from pytest_formfunc.report.layers import engine_words, layer_words
from pytest_formfunc.units import format_bytes, format_estimate, format_ms, format_percent, format_ratio

_DAMAGED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def explain(records: Sequence[Record], run: Sequence[Record] = ()) -> Iterator[str]:
    """Say what was observed of a case.

    Args:
        records: of one case, whose observations may come from a file.
        run: all records of the report; what `explain_once` says of them is left out. Those of the case by default.
    """
    said = _nowhere(run or records)
    for record in sorted(records, key=lambda one: not one.native):
        if made_of := waterfall_words(record):
            yield made_of
        unseen = {str(one.get("unavailable", "")) for name, one in record.observations.items() if name not in said}
        if len(unseen) == 1 and "" not in unseen:
            yield f"{record.backend}: not observed, because {unseen.pop()}"
            continue
        for name, found in record.observations.items():
            title = f"{record.backend}, {name}"
            if name in said:
                continue
            if "unavailable" in found:
                yield f"{title}: not observed, because {found['unavailable']}"
                continue
            try:
                words = list(_WORDS[name](found)) if name in _WORDS else [str(found.get("source", ""))]
            except _DAMAGED as error:
                yield f"{title}: what the file says of it is damaged ({type(error).__name__})"
                continue
            yield from (f"{title}: {one}" for one in words)
        ways = [f"{text} {words}" for words, found in ways_of(record.observations).items() if (text := _share(found))]
        if ways:
            yield f"{record.backend}: efficacy of the last-level cache {', '.join(ways)}"
    layers = {record.backend: record.observations.get("layers", {}) for record in records if not record.native}
    with contextlib.suppress(*_DAMAGED):
        yield from engine_words(layers)


def waterfall_words(record: Record) -> str:
    """Say which factors a speedup by default is made of; nothing where they were not measured."""
    if not record.waterfall:
        return ""
    factors = " x ".join(f"{one.name} {format_estimate(one.ratio)}" for one in record.waterfall)
    product = math.prod(one.ratio.value for one in record.waterfall)
    return f"{record.backend}: {format_ratio(product)} = {factors}"


def explain_once(records: Sequence[Record]) -> Iterator[str]:
    """Say what holds for the whole run: what cannot be counted here, and why the cache may not be all its own."""
    for name, reason in _nowhere(records).items():
        yield f"{name}: not observed, because {reason}"
    reasons: dict[str, dict[str, None]] = {}  # the events by why they are not counted, in their order
    shared: dict[str, None] = {}
    for record in records:
        with contextlib.suppress(*_DAMAGED):
            for event, reason in record.observations.get("counters", {}).get("not_counted", {}).items():
                reasons.setdefault(str(reason), {})[str(event)] = None
        with contextlib.suppress(*_DAMAGED):
            shared |= dict.fromkeys(map(str, record.observations.get("reuse", {}).get("shared", [])))
    for reason, events in reasons.items():
        yield f"not counted: {', '.join(events)}: {reason}"
    if shared:
        yield f"not all of the last-level cache may be this process' own: {'; '.join(shared)}"


def _nowhere(records: Sequence[Record]) -> dict[str, str]:
    """Return why an instrument has observed nothing at all, where that is one reason, by its name."""
    found: dict[str, set[str]] = {}
    for record in records:
        for name, one in record.observations.items():
            found.setdefault(name, set()).add(str(one.get("unavailable", "")))
    return {name: reasons.pop() for name, reasons in found.items() if len(reasons) == 1 and "" not in reasons}


def _share(found: Any) -> str:
    """Return an efficacy as text; nothing where the file does not hold a number."""
    with contextlib.suppress(*_DAMAGED):
        if not isinstance(found, Mapping):
            return f"{float(found):.2f}"
        return f"{float(found['value']):.2f} ({float(found['low']):.2f} to {float(found['high']):.2f})"
    return ""


def _cache(found: Mapping[str, Any]) -> Iterator[str]:
    cold, sham = estimate_of(found["cold_over_sham"]), estimate_of(found["sham_over_warm"])
    yield (
        f"with caches that hold other data a call takes {format_estimate(cold)} of what it takes after a pause of the "
        f"same length ({format_ms(float(found['median_s']['sham']))} ms), which is itself {format_estimate(sham)} of a "
        "warm one"
    )
    if "weights_cold_over_sham" in found:
        weights = estimate_of(found["weights_cold_over_sham"])
        yield f"with {int(found['copies'])} copies of its weights in turn it takes {format_estimate(weights)}"
    if "speedup_cold_over_sham" in found:
        change = estimate_of(found["speedup_cold_over_sham"])
        yield f"so its speedup with cold caches is {format_estimate(change)} of that without"


def _reuse(found: Mapping[str, Any]) -> Iterator[str]:
    served, touched = float(found["efficacy"]), float(found["touched_bytes"])
    whole, cache = int(found["llc_bytes"]), int(found["cache_bytes"])
    of_it = "as a sweep of reading finds it now" if found["cache_from"] == "measured" else "which is its share"
    yield (
        f"by a model of its tensors ({format_bytes(touched)}) a cache of {cache / 2**20:.3g} MiB ({of_it}) spares a "
        f"repeated call {format_percent(round(served, 3))} of what a cold one fetches from memory; all "
        f"{whole >> 20} MiB would spare {format_percent(round(float(found['efficacy_of_whole']), 3))}"
    )


def _counters(found: Mapping[str, Any]) -> Iterator[str]:
    calls = found["per_call"]
    told = [f"{_count(calls[name])} {name.replace('-', ' ')}" for name in _TOLD if name in calls]
    if "task-clock" in calls:
        told.insert(0, f"{format_ms(float(calls['task-clock']['value']) / 1e3)} ms of processors")
    yield f"a call takes {', '.join(told)}"
    for name, words in _RATIOS.items():
        if name in found["ratios"]:
            one = found["ratios"][name]
            yield words.format(f"{float(one['value']):.3g}", f"{float(one['low']):.3g} to {float(one['high']):.3g}")


def _roof(found: Mapping[str, Any]) -> Iterator[str]:
    peak, bandwidth = (float(found[name]["value"]) / 1e9 for name in ("peak_flops", "bandwidth"))
    roof = f"the engine's own product reaches {peak:.3g} GFLOP/s here, and memory {bandwidth:.3g} GB/s"
    if "why_no_share" in found:
        yield f"{roof}; {found['why_no_share']}"
        return
    share, low, high = (100 * float(found["share_of_roof"][name] or 0) for name in ("value", "low", "high"))
    achieved, intensity = float(found["achieved_flops"]["value"]) / 1e9, float(found["intensity"])
    yield (
        f"a call gets {achieved:.3g} GFLOP/s at {intensity:.3g} FLOP a byte, which is {share:.3g}% ({low:.3g} to "
        f"{high:.3g}) of what {found['bound_by']} allows; {roof}"
    )


def _count(found: Mapping[str, Any]) -> str:
    value = float(found["value"])
    for unit, factor in (("billion", 1e9), ("million", 1e6)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


_TOLD = ("page-faults", "context-switches", "instructions", "branches", "LLC-loads")
_RATIOS = {
    "ipc": "{} instructions a cycle ({})",
    "mispredicted": "{} of its branches are mispredicted ({})",
    "llc_missed": "{} of its loads from the last-level cache miss ({})",
    "l1_missed": "{} of its loads from the first-level cache miss ({})",
}


def _callgrind(found: Mapping[str, Any]) -> Iterator[str]:
    calls = {name: {"value": value} for name, value in found["per_call"].items()}
    told = [f"{_count(calls[name])} {words}" for name, words in _SIMULATED.items() if name in calls]
    yield f"simulated, on one thread and with AVX2 at most (not the code that is timed), a call takes {', '.join(told)}"


def _zeros(found: Mapping[str, Any]) -> Iterator[str]:
    """Say how many zeros there are, and where most are; how much is redundant."""
    activations = found["activations"]
    shares = {str(one["layer"]): float(one["zeros"]["mean"]) for one in activations}
    most = max(shares, key=lambda name: shares[name])
    mean, highest = (format_percent(round(one, 3)) for one in (fmean(shares.values()), shares[most]))
    yield (
        f"of {len(activations)} activations that can make exact zeros, {mean} of the outputs are zero (mean over "
        f"activations and inputs); most of {most}, {highest}"
    )
    for name, words in (("over_channels", "channels"), ("over_positions", "positions")):
        if known := [float(one[name]["mean"]) for one in activations if one[name]]:
            yield f"{format_percent(round(fmean(known), 3))} of the {words} are mixtures of others (mean)"


_SIMULATED = {
    "instructions": "instructions", "branches": "branches", "mispredicted": "mispredictions",
    "data_accesses": "loads and stores", "l1_misses": "misses of the first cache level",
    "llc_misses": "misses of the last",
}  # fmt: skip
_WORDS: dict[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "cache": _cache,
    "reuse": _reuse,
    "counters": _counters,
    "roof": _roof,
    "callgrind": _callgrind,
    "layers": layer_words,
    "advice": advice_words,
    "zeros": _zeros,
}
