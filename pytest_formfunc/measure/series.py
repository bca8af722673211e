"""The result of a case's launches: the raw rounds of each participant, and the speedups computed from them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Ready, Round
from pytest_formfunc.records import Parity
from pytest_formfunc.stats import Estimate, quantile, speedup_estimate


@dataclass
class Series:
    """Everything that was measured of one participant of one case, launch by launch.

    Attributes:
        participant: whose series this is.
        launches: for each launch that it took part in, its rounds.
        numbers: the number of each of these launches.
        compile_s: seconds to compile, of the launches whose workers loaded alone.
        first_call_s: seconds of the first call, of the same launches.
        peak_rss_bytes: peak resident memory of its workers.
        ready: the message of its first worker that had loaded.
        parity: the worst agreement of its outputs with native's over all launches; None for native.
    """

    participant: Participant
    launches: list[list[Round]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    compile_s: list[float] = field(default_factory=list)
    first_call_s: list[float] = field(default_factory=list)
    peak_rss_bytes: int = 0
    ready: Ready | None = None
    parity: Parity | None = None

    def per_round(self, q: float, among: Collection[int] | None = None) -> list[list[float]]:
        """Return the ``q`` quantile of each round's calls in seconds, by launch; ``among`` limits the launches."""
        return [
            [quantile(turn.calls_s, q) for turn in launch]
            for number, launch in zip(self.numbers, self.launches, strict=True)
            if among is None or number in among
        ]


@dataclass
class Measurement:
    """What was measured of a case.

    Attributes:
        series: the series of each participant that did not fail.
        failures: one sentence for each participant that failed.
        stopped: why no more launches were made: ``precise``, ``budget``, ``launches`` or ``once``.
        spent_s: seconds that measuring took, without preparing.
        load_s: the part of ``spent_s`` that starting and loading workers took.
    """

    series: dict[Participant, Series] = field(default_factory=dict)
    failures: dict[Participant, str] = field(default_factory=dict)
    stopped: str = ""
    spent_s: float = 0.0
    load_s: float = 0.0

    def graph(self, participant: Participant) -> dict[str, Any] | None:
        """Return what the engine reports about the kernels that it executes, or None if it does not report them."""
        ready = self.series[participant].ready
        return ready.graph if ready is not None else None

    def speedup(self, participant: Participant, level: float = 0.95) -> Estimate:
        """Estimate a participant's speedup over its own native from the launches that both took part in."""
        native, accelerated = self.together(participant.native, participant)
        return speedup_estimate(native, accelerated, level=level)

    def together(self, *participants: Participant) -> list[list[list[float]]]:
        """Return the round medians of some participants from the launches that all of them took part in."""
        shared = self.shared(*participants)
        return [self.series[participant].per_round(0.5, shared) for participant in participants]

    def shared(self, *participants: Participant) -> set[int]:
        """Return the numbers of the launches that all of some participants took part in."""
        return set.intersection(*(set(self.series[participant].numbers) for participant in participants))
