"""What to do when collection has ended: know every measuring test, and refuse what cannot be, in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.benchmark_bridge import compared_files
from pytest_formfunc.errors import BadInput
from pytest_formfunc.gate.baseline import Baseline, Key, parse_baseline
from pytest_formfunc.plan import TestPlan
from pytest_formfunc.settings import Settings


@dataclass(frozen=True)
class Comparison:
    """What ``--benchmark-compare`` comes down to.

    Attributes:
        baseline: the saved run, None where there is none.
        note: a line for the report where nothing can be compared.
        missing: what the baseline has and this run does not measure.
        comparisons: how many accelerated tests have a counterpart.
    """

    baseline: Baseline | None = None
    note: str = ""
    missing: tuple[Key, ...] = ()
    comparisons: int = 0


def fill_in_siblings(plans: Iterable[TestPlan]) -> dict[str, tuple[str, ...]]:
    """Tell every test which backends its case is measured on; return that by case."""
    groups: dict[str, list[TestPlan]] = {}
    backends_by_case: dict[str, tuple[str, ...]] = {}
    for plan in plans:
        groups.setdefault(plan.group, []).append(plan)
    for group, members in groups.items():
        backends = backends_by_case[group] = tuple(dict.fromkeys([NATIVE, *(plan.backend for plan in members)]))
        for plan in members:
            plan.siblings = backends
    return backends_by_case


def find_comparison(option: Callable[[str], Any], settings: Settings, plans: Sequence[TestPlan]) -> Comparison:
    """Find and read the baseline that this run is compared with.

    Args:
        option: returns the value of one of pytest-benchmark's options.
        settings: of this run.
        plans: the tests that measure.

    Raises:
        BadInput: the baseline cannot be read; or there is none, and this is CI or strict.
    """
    compare = option("benchmark_compare")
    if not compare:
        return Comparison()
    storage = option("benchmark_storage")
    files = compared_files(storage, compare, option("benchmark_netrc"))
    if not files:
        which = "" if compare is True else f" that matches {compare!r}"
        text = f"no baseline{which} in {storage.removeprefix('file://')}: save one with --benchmark-autosave"
        if settings.strict or settings.in_ci:
            why = "--formfunc-strict" if settings.strict else "CI is set"
            raise BadInput(f"{text} ({why}, so a comparison that cannot be made is an error)")
        return Comparison(note=f"{text}; nothing was compared")
    path = files[-1]
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"baseline {path} cannot be read: {error}") from None
    baseline = parse_baseline(text, str(path))
    wanted = {(plan.group, plan.backend) for plan in plans if plan.backend != NATIVE}
    saved = {key for key, record in baseline.records.items() if not record.native}
    return Comparison(
        baseline=baseline,
        missing=tuple(sorted(saved - wanted)),
        comparisons=len(saved & wanted),
    )


def check_before_benchmark(option: Callable[[str], Any]) -> None:
    """Refuse baselines on which pytest-benchmark would end in a traceback, before it reads them.

    Files that it only warns of are left to it: a run without measuring tests must behave as without us.

    Raises:
        BadInput: a file without the parts that pytest-benchmark takes for granted.
    """
    compare = option("benchmark_compare")
    if not compare or str(option("benchmark_storage")).startswith("elasticsearch+"):
        return
    import json

    for path in compared_files(option("benchmark_storage"), compare, option("benchmark_netrc")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            loads = all(entry["stats"]["mean"] or True for entry in document["benchmarks"])
        except Exception:  # noqa: BLE001 - pytest-benchmark catches just as much, and warns
            continue
        named = all("fullname" in entry for entry in document["benchmarks"])
        if loads and not (named and "machine_info" in document):
            raise BadInput(
                f"baseline {path} is damaged: it lacks what pytest-benchmark writes; remove it or name another run"
            )
