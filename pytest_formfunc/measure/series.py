"""What a case's launches gave: the raw rounds of each participant, and what follows from those that took turns."""

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
    """All that one participant of one case gave, launch by launch; ``numbers`` says which launches those were."""

    participant: Participant
    launches: list[list[Round]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    compile_s: list[float] = field(default_factory=list)
    first_call_s: list[float] = field(default_factory=list)
    peak_rss_bytes: int = 0
    ready: Ready | None = None
    parity: Parity | None = None

    def per_round(self, q: float, among: Collection[int] | None = None) -> list[list[float]]:
        """Return the ``q`` quantile of each round's calls in seconds, by launch; of the launches ``among`` if given."""
        return [
            [quantile(turn.calls_s, q) for turn in launch]
            for number, launch in zip(self.numbers, self.launches, strict=True)
            if among is None or number in among
        ]


@dataclass
class Measurement:
    """A case after its launches.

    Attributes:
        series: one for each backend that was measured without fault.
        failures: one sentence for each that was not.
        stopped: why no more launches were made: ``precise``, ``budget``, ``launches`` or ``once``.
        spent_s: seconds that measuring took, preparing aside.
        load_s: the part of it that went into starting and loading workers.
    """

    series: dict[Participant, Series] = field(default_factory=dict)
    failures: dict[Participant, str] = field(default_factory=dict)
    stopped: str = ""
    spent_s: float = 0.0
    load_s: float = 0.0

    def graph(self, participant: Participant) -> dict[str, Any] | None:
        """Return what the engine reports of the kernels that it executes, or None where it does not."""
        ready = self.series[participant].ready
        return ready.graph if ready is not None else None

    def speedup(self, participant: Participant, level: float = 0.95) -> Estimate:
        """Estimate a participant's speedup over its own native from the launches that both took part in."""
        native, accelerated = self.together(participant.native, participant)
        return speedup_estimate(native, accelerated, level=level)

    def together(self, *participants: Participant) -> list[list[list[float]]]:
        """Return the round medians of some participants from the launches that all of them took part in."""
        shared = self.shared(*participants)
        return [self.series[name].per_round(0.5, shared) for name in participants]

    def shared(self, *participants: Participant) -> set[int]:
        """Return the numbers of the launches that all of some participants took part in."""
        return set.intersection(*(set(self.series[name].numbers) for name in participants))
