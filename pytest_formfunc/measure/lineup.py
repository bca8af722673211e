"""Decide who takes part in measuring a case: backends on both sides, and those of them that keep their memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
        compared: those whose outputs others are compared with, and which are not timed: they start once.
        first_only: those that no verdict needs: the first launch alone has them, to compare outputs.
    """

    participants: tuple[Participant, ...]
    kept: Mapping[Participant, Participant] = field(default_factory=dict)
    refused: Mapping[Participant, str] = field(default_factory=dict)
    compared: frozenset[Participant] = frozenset()
    first_only: frozenset[Participant] = frozenset()

    @property
    def tested(self) -> int:
        """Return the number of participants without those that take part only to keep their memory."""
        return sum(not one.keeps for one in self.participants)


def is_same_program(here: Prepared, there: Prepared) -> bool:
    """Return whether native executes the same operators on the same shapes on both sides; weights do not count."""
    digest = here.program["digest"]
    return bool(digest) and digest == there.program["digest"]


def line_up(
    backends: Sequence[str], sides: Mapping[Side, Prepared], *, keep: bool, same_native: bool | None = None
) -> Lineup:
    """Return the participants of a case.

    A backend that takes its memory from the C library takes part twice: as it is, which is what a user's process has,
    and in a process that keeps what it frees. A backend of the other side needs the same backend on this one.

    Args:
        backends: names of the backends, native first.
        sides: what was prepared, this run's side first.
        keep: whether processes can be made to keep their memory, and anything will be timed.
        same_native: whether native is known to be the same on both sides, so that this side's stands for both; None
            where both are measured in any case.
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
    compared: frozenset[Participant] = frozenset()
    first_only: frozenset[Participant] = frozenset()
    there = Participant(NATIVE, Side.THERE)
    if same_native and there in participants:
        participants = [one for one in participants if one != there.kept]
        kept.pop(there, None)
        compared = frozenset({there})
    # What native gives is remembered only of one that computes its outputs in a process of its own.
    elif same_native is not None and there in kept and _is_checked(sides[Side.THERE]):
        first_only = frozenset({there})
    return Lineup(tuple(participants), kept, refused, compared, first_only)


def _is_checked(prepared: Prepared) -> bool:
    return backend_entry(prepared.engines[NATIVE]).memory == LIBC
