"""Run one case once on many engines: prepare, load and compare with native, each in a separate worker."""

from __future__ import annotations

from pathlib import Path

from pytest_formfunc.backends import BACKENDS, NATIVE, backend_entry
from pytest_formfunc.cases import Case, pattern_case
from pytest_formfunc.forms.patterns import pattern_entry
from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.case_measurer import CaseMeasurer
from pytest_formfunc.measure.effort import Effort
from pytest_formfunc.measure.launch import PreparedSide, launcher
from pytest_formfunc.measure.lineup import Lineup
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.series import Measurement
from pytest_formfunc.measure.workers import WorkerServer

# Every registered backend, and devices of OpenVINO by name.
NAMES = (
    *(entry.name for entry in BACKENDS if entry.name != NATIVE),
    "openvino@AUTO",
    "openvino@HETERO:CPU",
    "openvino@GPU",
    "openvino@NPU",
)


def smallest_case(pattern: str) -> Case:
    """Return a pattern's case with one block of about eight channels on a small image."""
    multiple = pattern_entry(pattern).width_multiple
    return pattern_case(pattern, 1, max(multiple, 8 - 8 % multiple), (1, 3, 32, 32))


def unavailable(server: WorkerServer, names: tuple[str, ...] = NAMES) -> dict[str, str]:
    """Return, for each backend that cannot be used here, the reason."""
    reasons = {name: backend_entry(name).why_not_installed() for name in names}
    present = tuple(name for name, reason in reasons.items() if reason is None)
    with server.worker(server.job("probe", backends=present), "backend probe") as worker:
        reasons |= worker.receive()
    return {name: reason for name, reason in reasons.items() if reason is not None}


class Preparer:
    """A worker that prepares case after case, so that imports and warm-up happen once."""

    def __init__(self, server: WorkerServer, cache: Path) -> None:
        self._server, self._cache = server, str(cache)
        self._worker = None

    def prepare(self, case: Case, names: tuple[str, ...]) -> Prepared:
        request = {"source": case.source, "engines": {name: name for name in (NATIVE, *names)}, "cache": self._cache}
        if self._worker is None:
            self._worker = self._server.worker(self._server.job("prepare", **request), f"preparing {case.id}")
            return self._worker.receive()
        return self._worker.ask(request)


def run_once(server: WorkerServer, case: Case, prepared: Prepared, scratch: Path) -> Measurement:
    """Load every backend that took the network, call it, and compare it with native as a measurement does."""
    participants = tuple(Participant(name) for name in prepared.artifacts)
    launch = launcher(server, {Side.HERE: PreparedSide(case.source, prepared)}, case.seed, {})
    return CaseMeasurer(Lineup(participants), launch, scratch).measure(Effort(precision=1.0, budget_s=1.0, once=True))
