"""Decide who takes part in measuring a case: backends on both sides, and those of them that keep their memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_formfunc.backends import LIBC, NATIVE, backend_entry
from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.participants import Participant, Side


@dataclass(frozen=True)
class Lineup:
    """Who takes part in measuring a case.

    Attributes:
        participants: in their order.
        kept: for each participant, the one that runs the same with memory kept: itself where that changes nothing.
        refused: why others could not be prepared.
    """

    participants: tuple[Participant, ...]
    kept: Mapping[Participant, Participant]
    refused: Mapping[Participant, str]

    @property
    def tested(self) -> int:
        """Return the number of participants without those that take part only to keep their memory."""
        return sum(not one.keeps for one in self.participants)


def line_up(backends: Sequence[str], sides: Mapping[Side, Prepared], *, keep: bool) -> Lineup:
    """Return the participants of a case.

    A backend that takes its memory from the C library takes part twice: as it is, which is what a user's process has,
    and in a process that keeps what it frees. A backend of the other side needs the same backend on this one.

    Args:
        backends: names of the backends, native first.
        sides: what was prepared, this run's side first.
        keep: whether processes can be made to keep their memory, and anything will be timed.
    """
    refused = {
        Participant(name, side): reason for side, prepared in sides.items() for name, reason in prepared.refused.items()
    }
    participants: list[Participant] = []
    kept: dict[Participant, Participant] = {}
    for side, prepared in sides.items():
        for name in backends:
            one = Participant(name, side)
            if one in refused or Participant(name) in refused:
                continue
            participants.append(one)
            engine = prepared.engines[NATIVE] if name == NATIVE else name
            if backend_entry(engine).memory != LIBC:
                kept[one] = one
            elif keep:
                kept[one] = one.kept
                participants.append(one.kept)
    return Lineup(tuple(participants), kept, refused)
