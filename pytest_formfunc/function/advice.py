"""Sum up what was tried to make a case faster: what gained, with its interval, and how much did not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_formfunc.function.lints import LINTS

if TYPE_CHECKING:
    from pytest_formfunc.stats import Estimate

ENGINE, THREADS = "engine", "threads"
TRIALS = (*LINTS.names(), THREADS, ENGINE)
ALPHA = 0.05  # chance of one false gain or more among all trials of a case
_SHARE = 0.02  # of a call that a symptom has to take before it is named


@dataclass(frozen=True)
class Tried:
    """A change that was built and timed.

    Attributes:
        lint: name of the lint.
        backend: whose latency it may lower.
        advice: what was changed, in words.
        exact: whether the network computes the same then.
        contended: what disturbed the measurement so that it says nothing; an empty string if nothing did.
        gain: gives the latency as it is over that of the change, for the level of an interval.
    """

    lint: str
    backend: str
    advice: str
    exact: bool
    contended: str
    gain: Callable[[float], Estimate]


def sum_up(
    backend: str, tried: Sequence[Tried], not_built: Mapping[str, str], layers: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a record holds of a backend's trials.

    Args:
        backend: the one whose record it is.
        tried: all trials of the case.
        not_built: why a lint was not tried, by its name.
        layers: what the instrument of this name has found of the backend; may be empty.

    Returns:
        ``gained``: what is surely faster, the greatest gain first, each with ``lint``, ``advice``, ``exact`` and
        ``gain``. ``not_gained``: what is not. ``contended``: what other work kept from saying anything. ``not_built``.
        ``symptoms``: what the layers show that a further engine may answer.
    """
    level = 1 - ALPHA / max(1, sum(not one.contended for one in tried))
    own = [one for one in tried if one.backend == backend]
    gains = [(one, one.gain(level)) for one in own if not one.contended]
    gained = sorted((pair for pair in gains if pair[1].low > 1), key=lambda pair: -pair[1].value)
    return {
        "source": f"each was built and timed beside the case as it is; intervals of {100 * level:.3g}%",
        "gained": [
            {"lint": one.lint, "advice": one.advice, "exact": one.exact, "gain": _as_json(gain)} for one, gain in gained
        ],
        "not_gained": [
            {"lint": one.lint, "advice": one.advice, "gain": _as_json(gain)} for one, gain in gains if gain.low <= 1
        ],
        "contended": [{"lint": one.lint, "advice": one.advice} for one in own if one.contended],
        "not_built": dict(not_built),
        "symptoms": list(symptoms(layers)),
    }


def symptoms(layers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what an engine's layers show that costs time and is no work of the network: its name, words and share.

    Steps that it has put in (reorders, conversions), and kernels that are its reference, not made for speed.
    """
    found = layers.get("layers", ())
    call = layers.get("call_s", {}).get("value", 0.0)
    if not call:
        return
    put_in = [one for one in found if one.get("steps") and not one["operators"]]
    reference = [one for one in found if any(_is_reference(str(kernel)) for kernel in one.get("kernels", ()))]
    for name, some, words in (
        ("reorder", put_in, "{count} steps put in by the engine, such as reorders and conversions"),
        ("reference-kernel", reference, "{count} layers in a reference kernel, which is not made for speed"),
    ):
        share = math.fsum(one["seconds"]["value"] for one in some) / call
        if share >= _SHARE:
            yield {"lint": name, "words": words.format(count=len(some)), "share": share}


def _is_reference(kernel: str) -> bool:
    """Return whether a kernel's name says that it is a reference.

    >>> _is_reference("ref_any_f32"), _is_reference("jit_avx512_f32"), _is_reference("ref")
    (True, False, True)
    """
    return kernel.replace(":", "_").lower().split("_")[0] in ("ref", "reference")


def _as_json(gain: Estimate) -> dict[str, Any]:
    high = None if math.isinf(gain.high) else gain.high
    return {"value": gain.value, "low": gain.low, "high": high, "level": gain.level, "n": gain.n}
