"""What the last-level cache can spare a network, by a model: reuse distances of its tensors."""

from __future__ import annotations

from typing import Any

from pytest_formfunc.errors import MeasurementError, one_line
from pytest_formfunc.function.cache_model import modelled_traffic, touched_bytes, touches_of
from pytest_formfunc.measure.instruments.base import Instrument, Launches, Seen, Subject
from pytest_formfunc.measure.instruments.cache_sweep import measured_cache

MEASURED, SHARE = "measured", "share"


class Reuse(Instrument):
    """A model, of which only the cache's size is measured. Native touches every operator's tensors; an engine's fused
    operators touch less.
    """

    once = of_all = timeless = True

    def observe(self, subject: Subject) -> Seen:
        """Return the share for both, and the bytes that a call works on."""
        if not subject.llc_bytes:
            raise MeasurementError("the size of the last-level cache is unknown")
        try:
            program = subject.build().program
        except Exception as error:  # noqa: BLE001 - exporters raise many kinds
            raise MeasurementError(f"there is no exported program to model ({one_line(error)})") from None
        measured = measured_cache(subject.llc_bytes)
        cache = measured or subject.cache.share_bytes
        found: Seen = {
            "llc_bytes": subject.llc_bytes,
            "cache_bytes": cache,
            "cache_from": MEASURED if measured else SHARE,
            "shared": list(subject.cache.reasons),
        }
        for name, fused in (("as_written", False), ("fused", True)):
            touches = touches_of(program, fused=fused)
            traffic = modelled_traffic(touches, cache)
            found[name] = {
                "efficacy": traffic.efficacy,
                "efficacy_of_whole": modelled_traffic(touches, subject.llc_bytes).efficacy,
                "repeated_bytes": traffic.repeated_bytes,
                "cold_bytes": traffic.cold_bytes,
                "touched_bytes": touched_bytes(touches),
                "accesses": len(touches),
            }
        return found

    def sum_up(self, launches: Launches) -> dict[str, Any]:
        """Return what fits the participant: native as written, an engine fused."""
        seen = launches.own[0]
        return {
            "source": "model: reuse distances of whole tensors, least recently used, of the exported program",
            **{name: seen[name] for name in ("llc_bytes", "cache_bytes", "cache_from", "shared")},
            **seen["as_written" if launches.is_native else "fused"],
        }
