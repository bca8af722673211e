"""Act when collection has ended: refuse invalid input with one sentence, or begin the run."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.errors import BadInput
from pytest_formfunc.extensions import current
from pytest_formfunc.fitness import why_unfit
from pytest_formfunc.forms.patterns import pattern_names
from pytest_formfunc.forms.programs import ProgramSource
from pytest_formfunc.gate.baseline import Baseline, read_with_history
from pytest_formfunc.gate.completeness import ALL_JUDGED, missing_sentences, why_incomplete
from pytest_formfunc.gate.error_budget import FAMILY_ALPHA
from pytest_formfunc.measure.cache_folder import begin_cache
from pytest_formfunc.measure.together import GROUP
from pytest_formfunc.measure.workspace import Environment
from pytest_formfunc.plugin.benchmark_bridge import compared_files
from pytest_formfunc.plugin.given import given
from pytest_formfunc.plugin.journalling import open_journal
from pytest_formfunc.plugin.plan import TestPlan, backends_by_case
from pytest_formfunc.plugin.policies import OtherPolicies, hold_stricter
from pytest_formfunc.plugin.saving import save_whole
from pytest_formfunc.plugin.selection import select_there
from pytest_formfunc.plugin.sentence import Sentence
from pytest_formfunc.plugin.session import SESSION, Session, usage_errors
from pytest_formfunc.plugin.xdist.messages import Collected
from pytest_formfunc.plugin.xdist.roles import assignment_of
from pytest_formfunc.policy import DEFAULT, Accepted
from pytest_formfunc.report.files import check_report_path
from pytest_formfunc.results import Comparison
from pytest_formfunc.revisions.checkout import Revision, check_out
from pytest_formfunc.revisions.environment import open_environment
from pytest_formfunc.revisions.other_revision import OtherRevision, Request, survey_other_revision
from pytest_formfunc.run.run import Run
from pytest_formfunc.run.work import Work, groups_of

if TYPE_CHECKING:
    from pytest_formfunc.settings import Settings

POOLED_RUNS = 5  # runs of one name that are compared with together, at most


def begin(session: Session, plans: Sequence[TestPlan]) -> Run:
    """Check everything that a run needs and begin it; nothing is measured before this returns.

    Args:
        session: of this process.
        plans: of all tests that measure.

    Raises:
        pytest.UsageError: something is invalid or unavailable; the message is one sentence.
    """
    session.use(_with_native_of_tests(session.settings, session.plans_of_all or plans))
    settings, config = session.settings, session.config
    session.heed_signals()
    save_whole(session, config)
    begin_cache(settings.cache_dir)
    with usage_errors():
        for path in settings.reports:
            check_report_path(config.invocation_params.dir / path)
        backends = backends_by_case(plans)
        known_cases = {name: case for name, case in session.cases.items() if name in backends}
        everything = session.plans_of_all or plans
        comparison, baseline = _find_baseline(config, settings, plans, everything)
        if settings.against and baseline is not None:
            raise BadInput("--formfunc-against and --benchmark-compare are two comparisons: choose one of them")
        if settings.gate == "graph" and not (settings.against or comparison.title):
            raise BadInput(
                "--formfunc-gate graph judges a comparison: give --formfunc-against REV or --benchmark-compare"
            )
        checked_out = _check_out(session) if settings.against else None  # it fails sooner than a process starts
        if not config.getoption("benchmark_skip", False):
            _check_backends(session, plans)
            _check_programs(session, plans)
        other = None
        alike = _about_same_code(session, *checked_out) if checked_out is not None else []
        if checked_out is not None:
            other = _survey(session, everything, *checked_out)
            comparison = _compare_side_by_side(other, session, plans, everything)
        loosened = _hold_stricter(session, everything, baseline, other)
        comparison = _without_accepted(comparison, session.settings.accept)
        comparison = replace(comparison, deselected=session.deselected, false_alarm=FAMILY_ALPHA)
        journal, notes = open_journal(session, plans, comparison, _content_of_comparison(baseline, other))
    work = Work(
        session.settings,
        backends,
        known_cases,
        comparison,
        baseline,
        other,
        journal,
        group=_group_size(session),
        limited={plan.group for plan in plans if plan.has_limits},
        is_alone=assignment_of(config) is None and settings.shard is None,
    )
    return session.start(work, [*notes, *alike, *loosened])


def _with_native_of_tests(settings: Settings, plans: Sequence[TestPlan]) -> Settings:
    """Return the settings with native as the tests' backends have it, which markers may name, unless it was said."""
    from pytest_formfunc.settings import native_for

    accelerated = {plan.backend for plan in plans} - {NATIVE}
    if settings.native_is_given or settings.waterfall or not accelerated:
        return settings
    return replace(settings, native=native_for(accelerated))


def describe_collected(session: Session, plans: Sequence[TestPlan], run: Run) -> Collected:
    """Return what an xdist worker tells its controller before tests are distributed."""
    groups = groups_of(
        [name for name in session.cases if any(plan.group == name for plan in plans)], _group_size(session)
    )
    return Collected(
        groups={plan.test: groups.get(plan.group, [plan.group])[0] for plan in plans},
        header=run.journal.header,
        comparison=run.results.comparison,
        notes=tuple(run.results.notes),
        memory_note=run.results.memory_note,
    )


def _group_size(session: Session) -> int:
    """Return how many cases are measured in turn: fewer under xdist, where each worker should have some."""
    assignment = assignment_of(session.config)
    return GROUP if assignment is None else max(1, min(GROUP, math.ceil(len(session.cases) / assignment.workers)))


def strict_items(parent: pytest.Session, run: Run) -> list[pytest.Item]:
    """Return the tests that a strict run adds, which fail if something is missing or was not judged."""
    comparison = run.results.comparison
    items: list[pytest.Item] = [
        Sentence.from_parent(parent, name=name, find=lambda sentence=sentence: sentence)
        for name, sentence in missing_sentences(comparison)
    ]
    if comparison.title:
        accept = parent.config.stash[SESSION].settings.accept
        items.append(Sentence.from_parent(parent, name=ALL_JUDGED, find=lambda: why_incomplete(run.results, accept)))
    return items


def _content_of_comparison(baseline: Baseline | None, other: OtherRevision | None) -> str:
    """Return what names the content of what this run is compared with; empty where nothing is compared."""
    if other is not None:
        return f"{other.revision.commit} {'; '.join(other.version_changes)}"
    if baseline is None:
        return ""
    figures = [[record.fingerprint, record.samples.median] for record in baseline.records.values()]
    return hashlib.sha256(json.dumps(figures).encode()).hexdigest()


def _find_baseline(
    config: pytest.Config, settings: Settings, plans: Sequence[TestPlan], everything: Sequence[TestPlan]
) -> tuple[Comparison, Baseline | None]:
    """Find and read the saved run that this run is compared with.

    Args:
        config: pytest's configuration.
        settings: the settings of the run.
        plans: of the tests of this run.
        everything: of the tests of all parts of the run that this one is a part of.

    Raises:
        BadInput: it cannot be read; or there is none, and the run is in CI or strict.
    """
    if not config.pluginmanager.has_plugin("benchmark"):
        option = "--formfunc-baseline" if settings.baseline else "--benchmark-compare"
        if settings.baseline or given(config, "benchmark_compare"):
            raise BadInput(f"{option} compares with what pytest-benchmark saved, and that plugin is switched off")
        return Comparison(), None
    name = settings.baseline
    compare = f"[0-9][0-9][0-9][0-9]_{name}" if name else config.getoption("benchmark_compare")
    skipped = [] if name else config.stash[SESSION].skipped_baselines
    if not compare and not skipped:
        if given(config, "benchmark_compare"):
            raise BadInput("code of the project has taken --benchmark-compare back: look for that in its conftest.py")
        return Comparison(), None
    storage = config.getoption("benchmark_storage")
    files = compared_files(storage, compare, config.getoption("benchmark_netrc")) if compare else []
    if name:
        reasons = {path: why_unfit(path) for path in files if path.stem.partition("_")[2] == name}
        files = [path for path, reason in reasons.items() if reason is None]
        skipped = [
            f"saved run {path.stem} is left out, because it {reason}" for path, reason in reasons.items() if reason
        ]
    if not files:
        which = f" {name!r}" if name else f" that matches {compare!r}" if isinstance(compare, str) else ""
        how = f"--benchmark-save={name}" if name else "--benchmark-autosave"
        text = f"no baseline{which} in {storage.removeprefix('file://')}: save one with {how}"
        text += f" ({'; '.join(skipped)})" if skipped else ""
        if settings.strict or settings.in_ci:
            why = "--formfunc-strict" if settings.strict else "CI is set"
            raise BadInput(f"{text} ({why}, so a comparison that cannot be made is an error)")
        return Comparison(note=f"{text}; nothing was compared"), None
    pooled = files[-POOLED_RUNS:-1] if name else []
    baseline = read_with_history(files[-1], pooled)
    wanted = _accelerated(everything)
    saved = {key for key, record in baseline.records.items() if not record.native}
    comparison = Comparison(
        title="the baseline",
        note="; ".join([*([f"the mean of {len(pooled) + 1} saved runs named {name}"] if pooled else []), *skipped]),
        baseline_name=baseline.name,
        missing=tuple(sorted(saved - set(wanted))),
        comparisons=sum(key in saved for key in wanted),
        asked=tuple(sorted(set(_accelerated(plans)))),
    )
    return comparison, baseline


def _accelerated(plans: Sequence[TestPlan]) -> list[tuple[str, str]]:
    """Return the case and the backend of each accelerated test."""
    return [(plan.group, plan.backend) for plan in plans if plan.backend != NATIVE]


def _check_backends(session: Session, plans: Sequence[TestPlan]) -> None:
    """Check that every backend can be used here.

    Raises:
        BadInput: one cannot; the message says why and which extra installs it.
    """
    native = session.settings.native
    others = [name for name in sorted({plan.backend for plan in plans}) if name not in (NATIVE, native)]
    for name, reason in session.probe([native, *others]).items():
        if reason is not None:
            raise BadInput(f"backend {name!r} cannot be used here: {reason}")


def _check_programs(session: Session, plans: Sequence[TestPlan]) -> None:
    """Check that torch loads the exported programs that ``--formfunc-model`` names.

    Raises:
        BadInput: one does not load.
    """
    sources = {case.source for group in {plan.group for plan in plans} if (case := session.cases.get(group))}
    for reason in session.unloadable([source for source in sources if isinstance(source, ProgramSource)]).values():
        raise BadInput(reason)


def _check_out(session: Session) -> tuple[Revision, Environment | None]:
    """Check the other revision out, and open the environment whose packages it gets.

    Raises:
        BadInput: there is no such revision or environment, or it cannot be used.
    """
    settings, environment = session.settings, None
    if settings.against_env:
        environment = open_environment(Path(settings.against_env), session.scratch / "harness")
    root, into = session.config.rootpath, session.scratch / "other"
    return session.keep(check_out(settings.against, root, into, in_ci=settings.in_ci)), environment


def _survey(
    session: Session, plans: Sequence[TestPlan], revision: Revision, environment: Environment | None
) -> OtherRevision:
    """Find out what the other revision has.

    Raises:
        BadInput: a backend cannot be used in the environment.
    """
    settings, config = session.settings, session.config
    own_modules = [*(model.module for model in settings.models if model.module), *current().modules]
    request = Request(
        backends=sorted({backend for _, backend in _accelerated(plans)}),
        native=settings.native,
        cases=[session.cases[group] for group in dict.fromkeys(plan.group for plan in plans) if group in session.cases],
        own_modules=own_modules,
        select=functools.partial(select_there, config),
    )
    return survey_other_revision(revision, environment, request, session.workers, session.scratch)


def _hold_stricter(
    session: Session, plans: Sequence[TestPlan], baseline: Baseline | None, other: OtherRevision | None
) -> list[str]:
    """Give the session the stricter rules of both sides; return sentences about those that this side has loosened."""
    if other is not None:
        collected = other.selection.any
        policies = OtherPolicies(
            other.title,
            other.planned,
            other.captured.settings,
            same_options=collected,
            default=None if collected else DEFAULT,
        )
        return hold_stricter(session, plans, policies) + _about_capture(session, other)
    if baseline is not None:
        policies = OtherPolicies("the baseline", baseline.planned, baseline.settings)
        return hold_stricter(session, plans, policies)
    return []


def _about_capture(session: Session, other: OtherRevision) -> list[str]:
    """Return a sentence if the other revision's tests could not be collected.

    Raises:
        BadInput: so it is, and the run is strict: nothing says what this side has given up.
    """
    if not other.selection.any:
        return [
            f"what the command line names is not there at {other.title}: no rule here may be looser than the defaults"
        ]
    if not other.captured.problem:
        return []
    text = (
        f"the tests of {other.title} cannot be collected ({other.captured.problem}), so nothing says what is gone here"
    )
    if session.settings.strict and "tests" not in Accepted(session.settings.accept):
        raise BadInput(f"{text}: repair them there, or accept this by --formfunc-accept tests")
    return [text]


def _about_same_code(session: Session, revision: Revision, environment: Environment | None) -> list[str]:
    """Return a sentence if the other revision is this one: nothing of the code can be found to have changed.

    Raises:
        BadInput: so it is by the name of a branch on a build server, and the run is strict: it would always be green.
    """
    if not revision.is_same_code or environment is not None or session.settings.slow_down:
        return []
    text = f"{revision.title} is the current commit, and nothing is uncommitted: the code is compared with itself"
    settings = session.settings
    on_purpose = settings.against == "HEAD" or "same-code" in Accepted(settings.accept)
    if settings.strict and settings.in_ci and not on_purpose:
        raise BadInput(f"{text}: name the commit before the change, or accept this by --formfunc-accept same-code")
    return [text]


def _without_accepted(comparison: Comparison, names: Sequence[str]) -> Comparison:
    """Return a comparison without what may be missing, by a name with dashes, as tests have it, or as sentences do."""
    accepted = Accepted(names)
    kept = [
        one
        for one in comparison.missing
        if not any(name in accepted for name in ("-".join(one), " on ".join(one), one[0]))
    ]
    return replace(comparison, missing=tuple(kept))


def _compare_side_by_side(
    other: OtherRevision, session: Session, plans: Sequence[TestPlan], everything: Sequence[TestPlan]
) -> Comparison:
    settings = session.settings
    whole_matrix = settings.patterns == pattern_names() and any(plan.group in session.cases for plan in everything)
    planned = {plan.key for plan in everything}
    here = "the working tree, with uncommitted changes" if other.revision.dirty else "the working tree"
    packages = f" ({'; '.join(other.version_changes) or 'the same versions'})" if settings.against_env else ""
    return Comparison(
        title=other.title,
        note=f"side by side: {here} against {other.title}, in the same rounds{packages}",
        missing=other.missing(pattern_names() if whole_matrix else None, planned, [plan.test for plan in everything]),
        asked=tuple(dict.fromkeys(_accelerated(plans))),
        comparisons=len(_accelerated(everything)),
    )
