"""The result of a case's launches: the raw rounds of each participant, and the speedups computed from them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Ready, Round
from pytest_formfunc.measure.quiet import Cause
from pytest_formfunc.records.parts import Parity
from pytest_formfunc.stats import Estimate, quantile
from pytest_formfunc.stats.pairs import launch_logs
from pytest_formfunc.stats.servers import DEFAULT_SD, ENOUGH_SERVERS, KEPT_SD, estimate_over_servers

# What a run's rows have in common and no scatter within it shows, as standard deviations of logs over forms, some of
# which gain and some of which lose: near the machine's best pace, and for each unit of the log beyond that.
RATIO_COMMON, LATENCY_COMMON = (0.012, 0.5), (0.02, 0.8)
FEWEST_QUIET = 3  # launches without disturbance, for a speedup to be claimed where others were disturbed


@dataclass
class Series:
    """Everything that was measured of one participant of one case, launch by launch.

    Attributes:
        participant: whose series this is.
        launches: for each launch that it took part in, its rounds.
        numbers: the number of each of these launches.
        compile_s: seconds to compile, of each launch.
        first_call_s: seconds of the first call, of each launch.
        early_call_s: seconds of one of the next calls, of each launch.
        peak_rss_bytes: peak resident memory of its workers.
        on_device: what the engine told of its device beside latencies, after the first launch.
        ready: the message of its first worker that had loaded.
        parity: the worst agreement of its outputs with native's over all launches; None for native.
    """

    participant: Participant
    launches: list[list[Round]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    compile_s: list[float] = field(default_factory=list)
    first_call_s: list[float] = field(default_factory=list)
    early_call_s: list[float] = field(default_factory=list)
    peak_rss_bytes: int = 0
    on_device: dict[str, float] = field(default_factory=dict)
    ready: Ready | None = None
    parity: Parity | None = None

    def rounds(self, among: Collection[int] | None = None) -> list[list[Round]]:
        """Return the rounds by launch; ``among`` limits the launches."""
        return [
            launch
            for number, launch in zip(self.numbers, self.launches, strict=True)
            if among is None or number in among
        ]

    def per_round(self, q: float, among: Collection[int] | None = None) -> list[list[float]]:
        """Return the ``q`` quantile of each round's calls in seconds, by launch; ``among`` limits the launches."""
        return [[quantile(turn.calls_s, q) for turn in launch] for launch in self.rounds(among)]


@dataclass
class Measurement:
    """What was measured of a case.

    Attributes:
        kept: for each participant, the one that runs the same with memory kept: itself where that changes nothing.
        series: the series of each participant that did not fail.
        servers: the server that each launch was forked from, by the launch's number.
        disturbed: what disturbed the launches that have too few quiet rounds, by the launch's number.
        unsettled: the launches with rounds that were not near the machine's best pace, by number.
        paces: the slowest and the mean pace of the machine during each launch, in seconds, by the launch's number.
        excess: by how much each launch's mean pace was not near the best one, on the log scale, by the launch's number.
        discarded: number of rounds that were measured again.
        failures: one sentence for each participant that failed.
        stopped: why no more launches were made: ``precise``, ``budget``, ``launches``, ``verdict`` (which looks
            again where it must) or ``once``.
        spent_s: seconds that measuring took, without preparing.
        load_s: the part of ``spent_s`` that starting and loading workers took.
    """

    kept: Mapping[Participant, Participant] = field(default_factory=dict)
    series: dict[Participant, Series] = field(default_factory=dict)
    servers: dict[int, int] = field(default_factory=dict)
    disturbed: dict[int, Cause] = field(default_factory=dict)
    unsettled: set[int] = field(default_factory=set)
    paces: dict[int, tuple[float, float]] = field(default_factory=dict)
    excess: dict[int, float] = field(default_factory=dict)
    discarded: int = 0
    failures: dict[Participant, str] = field(default_factory=dict)
    stopped: str = ""
    spent_s: float = 0.0
    load_s: float = 0.0

    @property
    def contended(self) -> Cause | None:
        """Return what disturbed so many launches that no speedup can be claimed, or None."""
        # Further launches may be of two accelerated participants alone, and then no speedup comes of them; native by
        # default may be in fewer of them than with memory kept.
        natives = [series for one, series in self.series.items() if one.is_native]
        made = {number for series in natives for number in series.numbers}
        causes = [cause for number, cause in self.disturbed.items() if number in made]
        if not causes or len(made) - len(causes) >= FEWEST_QUIET:
            return None
        return max(causes, key=causes.count)

    def graph(self, participant: Participant) -> dict[str, Any] | None:
        """Return what the engine reports about the kernels that it executes, or None if it does not report them."""
        ready = self.series[participant].ready
        return ready.graph if ready is not None else None

    def with_memory_kept(self, participant: Participant) -> tuple[Participant, Participant] | None:
        """Return native and a participant, both with memory kept; None if they were not measured so."""
        native, own = self.kept.get(participant.native), self.kept.get(participant)
        return (native, own) if native in self.series and own in self.series else None

    def ranked_pair(self, participant: Participant) -> tuple[Participant, Participant]:
        """Return the two participants whose ratio is ranked and judged: with memory kept where that was measured."""
        return self.with_memory_kept(participant) or (participant.native, participant)

    def speedup(self, participant: Participant, level: float = 0.95) -> Estimate:
        """Estimate a participant's speedup over its own native, both with their memory managed as by default."""
        return self.ratio(participant.native, participant, DEFAULT_SD, level)

    def speedup_memory_kept(self, participant: Participant, level: float = 0.95) -> Estimate | None:
        """Estimate a participant's speedup over its own native with memory kept on both sides."""
        pair = self.with_memory_kept(participant)
        return None if pair is None else self.ratio(*pair, KEPT_SD, level)

    def ranked_speedup(self, participant: Participant) -> Estimate:
        """Return the speedup that is ranked and judged."""
        return self.speedup_memory_kept(participant) or self.speedup(participant)

    def ratio(self, over: Participant, under: Participant, prior_sd: float, level: float = 0.95) -> Estimate:
        """Estimate the ratio of two participants' latencies over servers, from the undisturbed launches."""
        numbers = self.undisturbed(over, under)
        logs = launch_logs(*self.together(over, under, among=numbers))
        found = estimate_over_servers(logs, self.servers_of(numbers), prior_sd, level)
        return found.widened(self.common_sd(numbers, RATIO_COMMON))

    def common_sd(self, numbers: Collection[int], common: tuple[float, float]) -> float:
        """Return how far some launches may be off together, on the log scale; 0 where no pace was measured.

        Args:
            numbers: the launches.
            common: the standard deviation near the machine's best pace, and for each unit of the log beyond that.
        """
        known = [self.excess[number] for number in numbers if number in self.excess]
        return math.hypot(common[0], common[1] * fmean(known)) if known else 0.0

    def undisturbed(self, *participants: Participant) -> list[int]:
        """Return the numbers of the launches that some participants share: quiet ones, or all if it is contended."""
        shared = self.shared(*participants)
        quiet = self.settled(number for number in shared if number not in self.disturbed)
        return shared if self.contended or not quiet else quiet

    def settled(self, quiet: Iterable[int]) -> list[int]:
        """Return those of some launches that were near the machine's best pace, or all if these are too few."""
        numbers = list(quiet)
        near = [number for number in numbers if number not in self.unsettled]
        return near if len(near) >= ENOUGH_SERVERS else numbers

    def servers_of(self, numbers: Collection[int]) -> list[int]:
        """Return the server of each of some launches."""
        return [self.servers[number] for number in numbers]

    def together(self, *participants: Participant, among: Collection[int] | None = None) -> list[list[list[float]]]:
        """Return the round medians of some participants from the launches that all of them took part in.

        Args:
            participants: whose rounds to return.
            among: the launches to return; all that the participants share by default.
        """
        chosen = self.shared(*participants) if among is None else among
        return [self.series[participant].per_round(0.5, chosen) for participant in participants]

    def shared(self, *participants: Participant) -> list[int]:
        """Return the numbers of the launches that all of some participants took part in, in their order."""
        return sorted(set.intersection(*(set(self.series[participant].numbers) for participant in participants)))
