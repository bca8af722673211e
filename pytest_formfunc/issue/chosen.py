"""Find the row of a run that a bug report is of."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_formfunc.errors import BadInput
from pytest_formfunc.gate.baseline import read_baseline
from pytest_formfunc.journal.folder import read_with_parts
from pytest_formfunc.journal.reading import is_journal
from pytest_formfunc.records import Key, Record


@dataclass(frozen=True)
class Chosen:
    """A row of a run.

    Attributes:
        record: the row.
        native: that of native in the same run; None where it is not there.
        test: the test that measured it; empty where the run does not say.
    """

    record: Record
    native: Record | None
    test: str


def choose(run: Path, case: str, backend: str = "") -> Chosen:
    """Return the row of a case on a backend.

    Args:
        run: a saved run, or a journal.
        case: the case's id.
        backend: the backend; empty for the only accelerated one that the case has.

    Raises:
        BadInput: the run cannot be read, or it has no such case or backend, or several; or the case was not measured.
    """
    failed = read_with_parts(run).failures if is_journal(run) else {}
    _check_failures(case, backend, failed, run)
    baseline = read_baseline(run)
    of_case = {name: record for (of_it, name), record in baseline.records.items() if of_it == case}
    if not of_case:
        close = difflib.get_close_matches(case, {of_it for of_it, _ in baseline.records}, n=1)
        raise BadInput(f"{run} has no case {case!r}{f': did you mean {close[0]!r}?' if close else ''}")
    there = ", ".join(of_case)
    accelerated = [name for name, record in of_case.items() if not record.native]
    if backend and backend not in of_case:
        raise BadInput(f"{run} did not measure {case} on {backend!r}: there is {there}")
    if not backend and not accelerated:
        raise BadInput(f"{run} measured {case} on native alone: name it by --backend {there}")
    if not backend and len(accelerated) > 1:
        raise BadInput(f"{run} measured {case} on several backends: name one by --backend {' or '.join(accelerated)}")
    record = of_case[backend or accelerated[0]]
    native = next((one for one in of_case.values() if one.native), None)
    return Chosen(record, native, baseline.tests.get(record.key, ""))


def _check_failures(case: str, backend: str, failed: Mapping[Key, str], run: Path) -> None:
    """Say why a case was not measured, where a journal knows that.

    Raises:
        BadInput: it was not.
    """
    for (of_it, name), reason in failed.items():
        if of_it == case and (backend == name or not backend):
            raise BadInput(f"{run} did not measure {case} on {name}: {reason}")
