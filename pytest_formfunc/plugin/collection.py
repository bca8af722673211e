"""What to do when collection has ended: know every measuring test, and refuse what cannot be, in one sentence."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.errors import BadInput
from pytest_formfunc.extensions import current
from pytest_formfunc.forms.patterns import pattern_names
from pytest_formfunc.gate.baseline import Baseline, Key, parse_baseline
from pytest_formfunc.plugin.benchmark_bridge import compared_files
from pytest_formfunc.plugin.plan import TestPlan
from pytest_formfunc.settings import Settings

if TYPE_CHECKING:
    from pytest_formfunc.revisions.capture import Selection
    from pytest_formfunc.run import Run


HISTORY_RUNS = 20  # saved runs that are read to learn how speedups move from run to run
POOLED_RUNS = 5  # runs of one name that are compared with together


@dataclass
class Comparison:
    """What ``--benchmark-compare`` or ``--formfunc-against`` comes down to.

    Attributes:
        baseline: the saved run, None where there is none.
        title: what is compared with; empty where nothing is.
        note: a line for the report where nothing can be compared, or about what is.
        missing: what the other one has and this run does not measure: case and backend, or a single name.
        comparisons: how many accelerated tests have a counterpart.
        asked: every accelerated test of this run.
        deselected: how many measuring tests the user left out.
    """

    baseline: Baseline | None = None
    title: str = ""
    note: str = ""
    missing: tuple[tuple[str, ...], ...] = ()
    comparisons: int = 0
    asked: tuple[Key, ...] = ()
    deselected: int = 0

    def unjudged(self, run: Run) -> list[str]:
        """Name the tests that were asked for and have no verdict: skipped, failed, or measured only once."""
        return [
            f"{case} on {backend}"
            for case, backend in self.asked
            if (record := run.records.get((case, backend))) is None or record.verdict is None
        ]

    def why_incomplete(self, run: Run) -> str:
        """Return a sentence where less was judged than was asked for; empty where all was."""
        faults = []
        if not self.asked:
            faults.append("no test of an accelerated backend was among those that ran")
        unjudged = self.unjudged(run)
        if unjudged:
            faults.append(f"{len(unjudged)} of {len(self.asked)} have no verdict ({', '.join(unjudged[:3])})")
        if self.deselected:
            faults.append(f"{self.deselected} measuring tests were deselected")
        statuses = [record.verdict.status for record in run.records.values() if record.verdict]
        if statuses and set(statuses) == {"inconclusive"}:
            faults.append("every verdict is inconclusive")
        if not faults:
            return ""
        return f"the comparison with {self.title} is incomplete, which --formfunc-strict does not pass: " + "; ".join(
            faults
        )

    def missing_titles(self) -> list[str]:
        """Name what is missing."""
        return [" on ".join(names) for names in self.missing]

    def missing_sentences(self) -> list[tuple[str, str]]:
        """Return, for each that is missing, a test's name and the sentence it fails with."""
        return [
            (
                f"formfunc-missing[{'-'.join(names)}]",
                f"{title} is missing: {self.title} has it and this run does not measure it, "
                "which --formfunc-strict does not pass",
            )
            for names, title in zip(self.missing, self.missing_titles(), strict=True)
        ]


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
    compare = f"[0-9][0-9][0-9][0-9]_{settings.baseline}" if settings.baseline else option("benchmark_compare")
    if not compare:
        return Comparison()
    storage = option("benchmark_storage")
    files = compared_files(storage, compare, option("benchmark_netrc"))
    if settings.baseline:
        files = [path for path in files if path.stem.partition("_")[2] == settings.baseline]
    if not files:
        which = (
            f" {settings.baseline!r}" if settings.baseline else "" if compare is True else f" that matches {compare!r}"
        )
        how = f"--benchmark-save={settings.baseline}" if settings.baseline else "--benchmark-autosave"
        text = f"no baseline{which} in {storage.removeprefix('file://')}: save one with {how}"
        if settings.strict or settings.in_ci:
            why = "--formfunc-strict" if settings.strict else "CI is set"
            raise BadInput(f"{text} ({why}, so a comparison that cannot be made is an error)")
        return Comparison(note=f"{text}; nothing was compared")
    path = files[-1]
    baseline = _read_baseline(path)
    pooled = [_read_baseline(other) for other in files[-POOLED_RUNS:-1]] if settings.baseline else []
    baseline = baseline.beside(pooled, [*_read_others(path), baseline])
    wanted = {(plan.group, plan.backend) for plan in plans if plan.backend != NATIVE}
    saved = {key for key, record in baseline.records.items() if not record.native}
    return Comparison(
        baseline=baseline,
        title="the baseline",
        note=f"the mean of {len(pooled) + 1} saved runs named {settings.baseline}" if pooled else "",
        missing=tuple(sorted(saved - wanted)),
        comparisons=sum((plan.group, plan.backend) in saved for plan in plans),
        asked=tuple(sorted(wanted)),
    )


def _read_baseline(path: Path) -> Baseline:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"baseline {path} cannot be read: {error}") from None
    return parse_baseline(text, str(path))


def _read_others(path: Path) -> list[Baseline]:
    """Read what was saved before a run in the same folder, oldest first; what is no run of ours teaches nothing."""
    others = []
    earlier = [other for other in sorted(path.parent.glob("[0-9][0-9][0-9][0-9]_*.json")) if other.name < path.name]
    for other in earlier[-HISTORY_RUNS:]:
        with contextlib.suppress(BadInput):
            others.append(_read_baseline(other))
    return others


def begin_side_by_side(
    run: Run,
    select: Callable[[Callable[[Path], Path]], Selection],
    plans: Sequence[TestPlan],
    known: Mapping[str, Any],
    root: Path,
) -> Comparison:
    """Check the other revision out, find what it has, and give it to the run.

    Args:
        run: of this session.
        select: says which of the other revision's tests are this run's, given where a path lies there.
        plans: the tests that measure.
        known: cases that need no test to be built, by id.
        root: pytest's root folder.

    Raises:
        BadInput: there is no such revision or environment, or it cannot be used; or a saved baseline was asked for
            too.
    """
    from pytest_formfunc.revisions.checkout import check_out
    from pytest_formfunc.revisions.environment import open_environment
    from pytest_formfunc.revisions.other_revision import Against

    settings = run.settings
    if run.baseline is not None:
        raise BadInput("--formfunc-against and --benchmark-compare are two comparisons: choose one of them")
    environment = None
    if settings.against_env:
        environment = open_environment(Path(settings.against_env), run.scratch / "harness")
    revision = check_out(settings.against, root, run.scratch / "other", in_ci=settings.in_ci)
    own_modules = [*(model.module for model in settings.models if model.module), *current().modules]
    against = run.against = Against(revision, revision.side(sys.path, Path.cwd(), own_modules, environment))
    run.survey(against)
    own_models = [plan.group for plan in plans if plan.group not in known]
    selection = select(revision.there)
    # Without such a test here there may be one there, which a strict run must not pass over.
    if selection.any and (own_models or settings.strict):
        folder = run.scratch / "captured"
        folder.mkdir()
        against.capture(selection.arguments, folder, settings.timeout_s)
    whole_matrix = settings.patterns == pattern_names() and any(plan.group in known for plan in plans)
    against.find_missing(pattern_names() if whole_matrix else None, None if selection.single else own_models)
    run.comparisons = sum(plan.backend != NATIVE for plan in plans)
    here = "the working tree, with uncommitted changes" if revision.dirty else "the working tree"
    packages = ""
    if environment is not None:
        packages = f" ({'; '.join(against.version_changes) or 'the same versions'})"
    return Comparison(
        title=against.title,
        note=f"side by side: {here} against {against.title}, in the same rounds{packages}",
        missing=tuple((name,) for name in against.missing),
        asked=tuple(dict.fromkeys((plan.group, plan.backend) for plan in plans if plan.backend != NATIVE)),
        comparisons=run.comparisons,
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
