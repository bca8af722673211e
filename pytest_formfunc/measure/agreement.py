"""Compare the outputs of each participant with those of native on the same side, in every launch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pytest_formfunc.backends import MIN_SQNR_DB, backend_entry
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Ready
from pytest_formfunc.parity import ParityError, check_native, check_parity, explain_disagreement, read_outputs
from pytest_formfunc.records.parts import Parity


class Agreement:
    """Checks launch after launch, and remembers what a native gave that takes part in the first one alone."""

    def __init__(
        self,
        remembered: Collection[Participant],
        keep: Callable[[Participant, Parity], None],
        fail: Callable[[Participant, MeasurementError], None],
    ) -> None:
        """Take what to do with what is found.

        Args:
            remembered: participants whose outputs of an earlier launch are compared with where they do not take part.
            keep: is called with a participant that agrees with native, and by how much.
            fail: is called with a participant whose outputs are wrong, and why.
        """
        self._remembered = remembered
        self._keep = keep
        self._fail = fail
        self._names: tuple[str, ...] = ()  # of native's outputs
        self._references: dict[Participant, Ready] = {}  # what the native of each side gave last

    def check(self, ready: Mapping[Participant, Ready], alive: Sequence[Participant]) -> None:
        """Check one launch.

        Args:
            ready: what each participant of the launch gave when it had loaded.
            alive: the participants of the case that have not failed; those that fail here leave it.
        """
        for reference in [participant for participant in ready if participant == participant.native]:
            self._names = ready[reference].names or self._names
            try:
                check_native(read_outputs(ready[reference].outputs), str(reference))
            except MeasurementError as error:
                self._fail(reference, error)
                continue
            self._references[reference] = ready[reference]
        for participant in list(alive):
            # What keeps its memory runs the same program.
            if participant.keeps or participant.is_native or participant not in ready:
                continue
            reference = participant.native
            if reference in alive and (reference in ready or reference in self._remembered):
                self._compare(participant, ready[participant], self._references[reference])

    def _compare(self, participant: Participant, ready: Ready, of_native: Ready) -> None:
        native: Any = None
        try:
            entry, outputs = backend_entry(participant.backend), read_outputs(ready.outputs)
            native = read_outputs(of_native.outputs[: len(ready.outputs)])
            parity = check_parity(
                native,
                outputs,
                entry.precision,
                min(entry.tolerance_db, MIN_SQNR_DB.get(of_native.precision, entry.tolerance_db)),
                str(participant),
                self._names,
                of_native.precision,
                of_native.rounded_to,
            )
        except ParityError as error:
            moved = read_outputs([of_native.moved_outputs])[0] if of_native.moved_outputs else []
            self._fail(participant, explain_disagreement(error, native[0], moved, of_native.lost_in_export))
            return
        except MeasurementError as error:
            self._fail(participant, error)
            return
        self._keep(participant, parity)
