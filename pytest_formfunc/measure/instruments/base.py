"""The interface of an instrument: observe a loaded participant in its worker, and sum up its launches afterwards."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pytest_formfunc.backends.profiling import Profiler
from pytest_formfunc.forms.built import Network
from pytest_formfunc.host import CacheShare
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.servers import estimate_over_servers
from pytest_formfunc.stats.student import t_quantile, weighted_mean

Timer = Callable[[], int]  # makes a call and returns its time in nanoseconds
LEVEL = 0.95  # of intervals
Seen = dict[str, Any]  # what one launch has seen, as JSON


@dataclass
class Subject:
    """A participant in its worker, loaded and warm.

    Attributes:
        timer: makes a call and returns nanoseconds.
        load_again: loads another copy of it and returns that one's timer.
        load_product: loads the product that the engine's peak is measured with, and returns the timer of one batch;
            None if the engine does not take it.
        build: builds the network, as engines receive it.
        batches: batches that one call computes.
        threads: number of threads of the engine.
        cost: of a call, as in the record: ``macs``, ``weight_bytes`` and ``activation_bytes``.
        cache: the last-level cache, and this process' share of it.
        free_bytes: memory that may still be used; None if unknown.
        recipe: what another process needs to load it: ``engine``, ``source``, ``artifact``, ``half`` and ``seed``.
        profiler: returns what times the engine's steps, of an exported program or None.
        folder: of the case, for what a launch leaves to later ones; None where there is none.
        earlier: what the instrument saw in the first launch of this participant; None in that one.
    """

    timer: Timer
    load_again: Callable[[], Timer]
    load_product: Callable[[], Timer] | None
    build: Callable[[], Network]
    batches: int
    threads: int
    cost: Mapping[str, int]
    cache: CacheShare
    free_bytes: int | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    profiler: Callable[[Any], Profiler] | None = None
    folder: Path | None = None
    earlier: Seen | None = None

    @property
    def llc_bytes(self) -> int:
        """Return the size of the last-level cache; 0 if unknown."""
        return self.cache.llc_bytes


@dataclass(frozen=True)
class Launches:
    """What all launches of a participant have seen, and those of native beside them.

    Attributes:
        own: what each launch of the participant has seen.
        native: the same of native; nothing where that could not be observed.
        is_native: whether the participant is native itself.
        cost: of a call, as in the record.
        known: what the instruments after it in the table have found of the same participant, by their names.
    """

    own: Sequence[Seen]
    native: Sequence[Seen]
    cost: Mapping[str, int]
    known: Mapping[str, Any] = field(default_factory=dict)
    is_native: bool = False


class Instrument(ABC):
    """One way to observe.

    Attributes:
        once: whether the first launch says everything, because nothing that varies is measured.
        timeless: whether what other work does on the machine is not in what it says.
        of_all: whether what it says of one participant holds for all.
        of_processors: whether it looks at the processor, so that it says nothing of an engine on a card.
        limit_s: seconds that it may take to look at a participant; None for what any answer may take.
    """

    once: ClassVar[bool] = False
    timeless: ClassVar[bool] = False
    of_all: ClassVar[bool] = False
    of_processors: ClassVar[bool] = True
    limit_s: ClassVar[float | None] = None

    @abstractmethod
    def observe(self, subject: Subject) -> Seen:
        """Observe a participant in its worker.

        Raises:
            MeasurementError: it cannot, and why; that is no fault of the participant.
        """

    @abstractmethod
    def sum_up(self, launches: Launches) -> dict[str, Any]:
        """Return what is kept of it in the record; every number is finite, and ``source`` names where it is from."""


def ratio_of(logs: Sequence[float]) -> Estimate:
    """Return the geometric mean of ratios, one log of each launch, with its interval."""
    return estimate_over_servers(logs, range(len(logs)), None)


def mean_of(values: Sequence[float], relative_error: float = 0.0) -> Estimate:
    """Return the mean of one value of each launch (at least two) with Student's interval.

    Args:
        values: one for each launch.
        relative_error: half-width of the interval of a factor that all values have in common, as a fraction of it.
    """
    mean = weighted_mean(values)
    reach = math.hypot(t_quantile(1 - LEVEL, mean.df) * mean.standard_error, mean.value * relative_error)
    return Estimate(mean.value, mean.value - reach, mean.value + reach, LEVEL, len(values))


def as_json(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as an object; an end of the interval that is not known is null."""
    high = estimate.high if math.isfinite(estimate.high) else None
    return {"value": estimate.value, "low": estimate.low, "high": high, "level": estimate.level, "n": estimate.n}
