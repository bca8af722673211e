"""Layers side by side: which one takes how long on both sides, and what of a call no layer takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_formfunc.function.layer_sides import side_by_side
from pytest_formfunc.report.estimates import estimate_of
from pytest_formfunc.units import format_estimate, format_ms, format_percent

MOST = 8  # layers that the words name; the record has all
MOST_DIFFERENT = 4  # layers in which two engines differ
_LONGEST_LABEL = 60


def layer_words(found: Mapping[str, Any]) -> Iterator[str]:
    """Say what the layers of a participant take, and name the longest.

    Raises:
        KeyError, TypeError, ValueError: the observation, which may come from a file, is damaged.
    """
    layers = [one for one in found["layers"] if _seconds(one) > 0 or "native_seconds" in one]
    taken = math.fsum(map(_seconds, layers))
    call, left = float(found["call_s"]["value"]), float(found["unattributed_s"]["value"])
    profiled = format_estimate(estimate_of(found["profiled_over_plain"]))
    yield (
        f"{len(found['layers'])} layers take {format_ms(taken)} ms of a call's {format_ms(call)} ms, and "
        f"{format_ms(left)} ms are in none (a call whose layers are timed takes {profiled})"
    )
    for layer in sorted(layers, key=_weight, reverse=True)[:MOST]:
        yield describe_layer(layer)
    if (more := len(layers) - MOST) > 0:
        yield f"and {more} more layers, which are in the record"
    yield from _unmatched(found, layers)


def engine_words(records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Say in which layers two engines differ most: each with the first one.

    Args:
        records: what the instrument ``layers`` has found of each engine of a case, by its name.

    Raises:
        KeyError, TypeError, ValueError: an observation, which may come from a file, is damaged.
    """
    known = {name: found["layers"] for name, found in records.items() if "layers" in found}
    (first, *others) = known or ("",)
    for name in others:
        rows = side_by_side(known[first], known[name])[:MOST_DIFFERENT]
        told = "; ".join(
            f"{_short(row.label)} {format_ms(row.seconds[0])} against {format_ms(row.seconds[1])} ms" for row in rows
        )
        yield f"{first} and {name} differ most in: {told}"


def describe_layer(layer: Mapping[str, Any]) -> str:
    """Return a layer in words: ``stem: conv, bn, act: 0.283 ms native, 0.027 ms here, 10.5x (8.1 to 12.3), ...``."""
    parts = []
    if "native_seconds" in layer:
        parts.append(f"{format_ms(float(layer['native_seconds']['value']))} ms native")
    if "seconds" in layer:
        parts.append(f"{format_ms(_seconds(layer))} ms{' here' if parts else ''}")
    if "speedup" in layer:
        parts.append(format_estimate(estimate_of(layer["speedup"])))
    if kernels := list(dict.fromkeys(map(str, layer.get("kernels", [])))):
        parts.append(" and ".join(kernels))
    if "share_of_roof" in layer:
        parts.append(f"{format_percent(round(float(layer['share_of_roof']), 2))} of what {layer['bound_by']} allows")
    if layer.get("before"):
        parts.append(f"before {layer['before']}")
    return f"{_short(str(layer['layer']))}: {', '.join(parts)}"


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 3]}..."


def _unmatched(found: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say what only one side has."""
    if "no_program" in found:
        yield f"they are matched to no modules, because {found['no_program']}"
        return
    if "matched_native" not in found:
        return
    native, own = (format_percent(round(float(found[f"matched_{side}"]), 3)) for side in ("native", "accelerated"))
    yield f"{native} of the time of native's operators and {own} of that of this engine's steps are in layers of both"
    put_in = [one for one in layers if one.get("steps") and not one["operators"]]
    if put_in:
        taken = format_ms(math.fsum(map(_seconds, put_in)))
        names = ", ".join(dict.fromkeys(str(kernel) for one in put_in for kernel in one["kernels"]))
        yield f"the engine has put in {len(put_in)} steps that are no operator of the network ({taken} ms): {names}"
    lost = [str(one["layer"]) for one in layers if not one.get("steps")]
    if lost:
        yield f"no step was found for {', '.join(lost[:MOST])}{' and others' if len(lost) > MOST else ''}"


def _seconds(layer: Mapping[str, Any]) -> float:
    return float(layer["seconds"]["value"]) if "seconds" in layer else 0.0


def _weight(layer: Mapping[str, Any]) -> float:
    """Return the seconds on the side where it takes longer."""
    native = float(layer["native_seconds"]["value"]) if "native_seconds" in layer else 0.0
    return max(native, _seconds(layer))
