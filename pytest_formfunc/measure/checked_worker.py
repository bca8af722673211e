"""A worker that only measures, beside one before it that computed the outputs to compare.

What a process has allocated and freed decides how glibc manages its memory from then on, and with it latencies. So
where an engine gets its memory from the C library, outputs are computed in a process of their own: the one that is
timed does what a user's process does, which is to load, to call and to call again.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import replace

from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Ready, Round
from pytest_formfunc.measure.rounds import WorkerLike

Checks = MutableMapping[Participant, Ready]  # what was found of each participant, in the first of its launches


class CheckedWorker:
    """Starts the worker that computes outputs, unless it was started before, and then the one that is timed."""

    def __init__(
        self,
        participant: Participant,
        checks: Checks,
        check: Callable[[], WorkerLike],
        start: Callable[[], WorkerLike],
        inputs: int,
        *,
        first: bool,
    ) -> None:
        """Take how to start both.

        Args:
            participant: whose workers they are.
            checks: where what the first one found is looked up, or kept.
            check: starts the worker that computes outputs.
            start: starts the worker that is timed.
            inputs: number of inputs to compare outputs for.
            first: whether it is the first launch, which also tells the graph and what outputs are called.
        """
        self._participant = participant
        self._checks = checks
        self._check = check
        self._start = start
        self._inputs = inputs
        self._first = first
        self._worker: WorkerLike | None = None

    def receive(self, timeout_s: float | None = None) -> Ready:
        """Wait for both, and return what is known of them together.

        Raises:
            MeasurementError: one of them failed.
        """
        if self._participant not in self._checks:
            self._worker = self._check()
            self._checks[self._participant] = self._worker.receive(timeout_s)
            self._worker.stop()
        seen = self._checks[self._participant]
        self._worker = self._start()
        timed: Ready = self._worker.receive(timeout_s)
        return replace(
            seen,
            compile_s=timed.compile_s,
            first_call_s=timed.first_call_s,
            settled_call_s=timed.settled_call_s,
            early_call_s=timed.early_call_s,
            outputs=seen.outputs[: self._inputs],
            graph=seen.graph if self._first else None,
            names=seen.names if self._first else (),
        )

    def ask(self, message: object) -> Round:
        """Send a message to the worker that is timed, and return its answer."""
        assert self._worker is not None
        answer: Round = self._worker.ask(message)
        return answer

    def stop(self) -> None:
        """End the worker; it may be called repeatedly."""
        if self._worker is not None:
            self._worker.stop()
