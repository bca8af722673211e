"""What the last-level cache can spare a network, by a model: reuse distances of its tensors."""

from __future__ import annotations

from typing import Any

from pytest_formfunc.errors import MeasurementError, one_line
from pytest_formfunc.function.cache_model import modelled_traffic, touched_bytes, touches_of
from pytest_formfunc.measure.instruments.base import Instrument, Launches, Seen, Subject


class Reuse(Instrument):
    """A model: nothing is measured. Native touches every operator's tensors; an engine's fused operators touch less."""

    once = of_all = True

    def observe(self, subject: Subject) -> Seen:
        """Return the share for both, and the bytes that a call works on."""
        if not subject.llc_bytes:
            raise MeasurementError("the size of the last-level cache is unknown")
        try:
            program = subject.build().program
        except Exception as error:  # noqa: BLE001 - exporters raise many kinds
            raise MeasurementError(f"there is no exported program to model ({one_line(error)})") from None
        share = subject.cache
        found: Seen = {"llc_bytes": subject.llc_bytes, "share_bytes": share.share_bytes, "shared": list(share.reasons)}
        for name, fused in (("as_written", False), ("fused", True)):
            touches = touches_of(program, fused=fused)
            traffic = modelled_traffic(touches, subject.llc_bytes)
            found[name] = {
                "efficacy": traffic.efficacy,
                "efficacy_of_share": modelled_traffic(touches, share.share_bytes).efficacy,
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
            **{name: seen[name] for name in ("llc_bytes", "share_bytes", "shared")},
            **seen["as_written" if launches.is_native else "fused"],
        }
