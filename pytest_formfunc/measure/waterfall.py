"""How a speedup is made: one factor after another, each the ratio of two participants in the same rounds.

Native by default, native with memory kept, its operators called without Python, the same with channels last, an engine
in float32, an engine in less. What was not measured is left out, and its factor is in the next one.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_formfunc.backends import NATIVE, WATERFALL, backend_entry
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.series import Measurement
from pytest_formfunc.records.parts import Factor
from pytest_formfunc.stats.pairs import launch_logs
from pytest_formfunc.stats.servers import DEFAULT_SD, KEPT_SD, estimate_over_servers

MEMORY, DISPATCH, LAYOUT = "memory management", "dispatch from Python", "layout"
COMPILATION, PRECISION = "compilation and fusion", "precision"


def waterfall(measurement: Measurement, participant: Participant) -> tuple[Factor, ...]:
    """Return the factors of a participant's speedup by default; none where the backends between were not measured.

    Their product is the ratio of the ends in the same launches, so that it is no check of itself: a speedup that was
    measured in other launches is (`bench/test_waterfall.py`).

    Args:
        measurement: of its case, which is not contended.
        participant: an accelerated one.
    """
    if participant.is_native or participant.backend in WATERFALL or measurement.contended:
        return ()
    steps = [*_steps(measurement, participant)]
    reached = [one for _, one in steps if one is not None]
    if not {one.backend for one in reached} & {*WATERFALL}:
        return ()
    launches = measurement.undisturbed(participant.native, *reached)
    servers = measurement.servers_of(launches)
    found: list[Factor] = []
    names: list[str] = []
    over = participant.native
    for name, under in steps:
        names.append(name)
        if under is None:
            continue
        logs = launch_logs(*measurement.together(over, under, among=launches))
        ratio = estimate_over_servers(logs, servers, DEFAULT_SD if MEMORY in names else KEPT_SD)
        found.append(Factor(", ".join(names), str(over), str(under), ratio))
        over, names = under, []
    return tuple(found)


def _steps(measurement: Measurement, participant: Participant) -> Iterator[tuple[str, Participant | None]]:
    """Yield each factor's name, and the participant that it leads to; None where that was not measured."""

    def with_memory_kept(backend: str) -> Participant | None:
        one = Participant(backend, participant.side)
        found = measurement.kept.get(one, one)
        return found if found in measurement.series else None

    exact = _in_float32(participant.backend)
    names = (MEMORY, DISPATCH, LAYOUT, COMPILATION)
    for name, backend in zip(names, (NATIVE, *WATERFALL, exact), strict=True):
        reached = with_memory_kept(backend)
        if reached != participant.native:  # where memory cannot be kept, there is no such factor
            yield name, reached
    if participant.backend != exact:
        yield PRECISION, with_memory_kept(participant.backend)


def _in_float32(backend: str) -> str:
    """Return the backend that computes as another one does, but in float32: itself, or ``openvino`` of
    ``openvino-bf16``.
    """
    entry = backend_entry(backend)
    return backend if entry.precision == "f32" else backend.partition("-")[0]
