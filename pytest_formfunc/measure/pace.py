"""How fast the machine is at the moment: a small fixed network, timed between rounds by a process of its own.

A virtual machine's cores may at times exchange data much more slowly, because its host has moved them apart or lets
others use what they share. No counter of the guest shows it. Native synchronises its threads at each layer, and an
engine at fewer of them, so their ratio moves too, for seconds or minutes (docs/measuring.md). A network of
small convolutions on all threads shows it clearly, because it does little beside synchronising.
"""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Callable
from typing import Protocol

from pytest_formfunc.clock import now_s
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.pace_history import PaceHistory
from pytest_formfunc.measure.protocol import Round, Turn
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.stats import quantile

# A pace that is so many times the best one is slow: on the machine of docs/figures.md speedups then move by 10 to 30%
# (`bench/test_pace.py`). Between the two limits neighbours come and go within a round, and speedups move less. A
# processor that lowers its frequency as it warms stays below 1.5.
SLOWER = 1.5
NEAR = 1.15  # times the best one: the machine has its cores to itself
TURN = Turn(discard=4, calls=7, limit_s=0.1)
FIRST_TURNS = 20  # before anything is measured
_HOPELESS_S = 2.0  # is waited again after the patience was spent and the machine was slow throughout
_POLL_S = 0.05  # pause between two turns while this waits for a better moment
_BEST = 5  # the best pace is that of the fifth fastest turn: single ones may have been favoured


class PaceWorker(Protocol):
    """The worker that times the network."""

    def ask(self, message: object) -> Round:
        """Take a turn."""

    def stop(self) -> None:
        """End the worker."""


class Pace:
    """Takes the machine's pace and says whether it is slow.

    Attributes:
        cpu_s: processor time that the worker has used.
        waited_s: seconds that `wait` has taken.
        patience_s: seconds that `wait` may still take.
    """

    cpu_s = 0.0
    waited_s = 0.0
    patience_s = 0.0

    def take(self, age_s: float = 0.0) -> float:
        """Take the pace, the seconds of a call of the network, or return the last one if that is not older than an age.

        Returns:
            0 if it is not known.
        """
        return 0.0

    def is_slow(self, seconds: float) -> bool:
        """Return whether a pace is far from the best of this machine, as far as it is known now."""
        return False

    def is_near(self, seconds: float) -> bool:
        """Return whether a pace is near the best of this machine, as far as it is known now."""
        return True

    def excess(self, seconds: float) -> float:
        """Return by how much a pace is not near the best of this machine, on the log scale, as far as that is known."""
        return 0.0

    def allow(self, patience_s: float) -> None:
        """Allow `wait` to take so many seconds from now on."""

    def wait(self) -> None:
        """Wait until the pace is not slow, or until the patience is spent."""

    def shares(self) -> tuple[float, float] | None:
        """Return the shares of turns near the best pace and of slow ones, or None if no pace is known."""
        return None

    def close(self) -> None:
        """End the worker; it may be called repeatedly."""


class MeasuredPace(Pace):
    """A pace that a worker measures."""

    def __init__(
        self,
        start: Callable[[], PaceWorker],
        history: PaceHistory,
        clock: Callable[[], float] = now_s,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take how to start the worker, which happens when the pace is first taken.

        Args:
            start: starts the worker.
            history: the best pace of earlier runs.
            clock: returns the time in seconds.
            sleep: waits for some seconds.
        """
        self._start = start
        self._history = history
        self._clock = clock
        self._sleep = sleep
        self._worker: PaceWorker | None = None
        self._broken = False
        self._taken: list[float] = []  # sorted
        self._last = self._taken_at = 0.0
        self._hopeless = False
        self._best_before = history.best()

    def take(self, age_s: float = 0.0) -> float:
        """Take the pace; where the worker fails, no pace is known from then on, and none is slow."""
        if self._broken:
            return 0.0
        if self._taken and self._clock() - self._taken_at < age_s:
            return self._last
        try:
            if self._worker is None:
                self._worker = self._start()
                for _ in range(FIRST_TURNS):
                    self._one_turn()
            return self._one_turn()
        except MeasurementError:
            self._broken = True
            self.close()
            return 0.0

    def is_slow(self, seconds: float) -> bool:
        """Return whether a pace is more than `SLOWER` times the best of this run and of the ones before it."""
        return seconds > SLOWER * self._best()

    def is_near(self, seconds: float) -> bool:
        """Return whether a pace is at most `NEAR` times the best of this run and of the ones before it."""
        return seconds <= NEAR * self._best()

    def excess(self, seconds: float) -> float:
        """Return the log of a pace over `NEAR` times the best of this run and of the ones before it; not below 0."""
        return max(0.0, math.log(seconds / (NEAR * self._best()))) if seconds > 0 else 0.0

    def allow(self, patience_s: float) -> None:
        """Allow `wait` to take so many seconds; only a few where all of the last ones were spent in vain."""
        self.patience_s = min(patience_s, _HOPELESS_S) if self._hopeless else patience_s

    def wait(self) -> None:
        """Wait until the pace is not slow, or until the patience is spent."""
        slow = self.is_slow(self.take())
        began = self._clock()
        while slow and self._clock() - began < self.patience_s:
            self._sleep(_POLL_S)
            slow = self.is_slow(self.take())
        waited_s = self._clock() - began
        self._hopeless = slow
        self.waited_s += waited_s
        self.patience_s = max(0.0, self.patience_s - waited_s)

    def shares(self) -> tuple[float, float] | None:
        """Return the shares of turns near the best pace and of slow ones."""
        if not self._taken:
            return None
        near = bisect.bisect_right(self._taken, NEAR * self._best())
        slow = len(self._taken) - bisect.bisect_right(self._taken, SLOWER * self._best())
        return near / len(self._taken), slow / len(self._taken)

    def close(self) -> None:
        """End the worker, and note this run's best pace for the next."""
        if self._worker is None:
            return
        self._worker.stop()
        self._worker = None
        if len(self._taken) > FIRST_TURNS:
            self._history.add(self._best_now())

    def _one_turn(self) -> float:
        assert self._worker is not None
        answer = self._worker.ask(TURN)
        self.cpu_s = answer.disturbance.total_cpu_s
        self._last, self._taken_at = quantile(answer.calls_s, 0.5), self._clock()
        bisect.insort(self._taken, self._last)
        return self._last

    def _best(self) -> float:
        return min(self._best_now(), self._best_before)

    def _best_now(self) -> float:
        return self._taken[_BEST - 1] if len(self._taken) >= _BEST else math.inf


def measured_pace(workers: WorkerServer, history: PaceHistory) -> Pace:
    """Return the pace of this machine, which a worker of a pool takes."""
    return MeasuredPace(lambda: workers.worker(workers.job("pace"), "the pace of the machine"), history, workers.clock)
