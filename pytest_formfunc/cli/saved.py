"""The commands that read saved runs: compare, show, report, why and history."""

from __future__ import annotations

import argparse
import difflib
import functools
import sys
from collections.abc import Collection
from pathlib import Path

from pytest_formfunc.cli.ground import EXIT_INCOMPLETE, EXIT_REGRESSED, Commands, add_threshold_means, say
from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.gate.baseline import read_baseline
from pytest_formfunc.gate.completeness import why_runs_differ
from pytest_formfunc.gate.decision import LOCKS
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.gate.journal_results import results_of
from pytest_formfunc.gate.judge import Evidence
from pytest_formfunc.gate.pooled import pooled_losses_of
from pytest_formfunc.gate.run_history import history_of
from pytest_formfunc.gate.saved import SavedJudge, locks_of_saved
from pytest_formfunc.journal.folder import read_with_parts
from pytest_formfunc.journal.reading import is_journal
from pytest_formfunc.option_specs import REPORT_FORMATS, either, report_ending
from pytest_formfunc.records import Record
from pytest_formfunc.report.files import check_report_path, write_report
from pytest_formfunc.report.saved import render_history, render_saved, render_verdicts
from pytest_formfunc.report.why import explain, explain_once
from pytest_formfunc.results import PooledLoss, Results
from pytest_formfunc.units import parse_fraction


def add(commands: Commands) -> None:
    """Add these commands to the parser."""
    compare = commands.add_parser("compare", help="compare two saved runs; exits 1 where a speedup regressed")
    compare.add_argument("then", type=Path, metavar="THEN", help="a saved run, or a journal")
    compare.add_argument("now", type=Path, metavar="NOW")
    compare.add_argument("--threshold", default="10%", metavar="PERCENT", help="loss that counts (default 10%%)")
    add_threshold_means(compare, "found", "default found")
    compare.add_argument(
        "--strict", action="store_true",
        help="also exit 1 where a case is new, missing or not comparable, or every verdict is inconclusive",
    )  # fmt: skip
    compare.set_defaults(run=_compare)
    show = commands.add_parser("show", help="show a saved run")
    show.add_argument("file", type=Path, metavar="RUN", help="a saved run, or a journal")
    show.set_defaults(run=_show)
    report = commands.add_parser("report", help="write the report of a saved run to a file")
    report.add_argument(
        "files", type=Path, metavar="RUN", nargs="+",
        help="a saved run, or a journal; with several of them the report is that of the last, and has a history of all",
    )  # fmt: skip
    report.add_argument("to", type=Path, metavar="FILE", help=f"its ending names the format: {either(REPORT_FORMATS)}")
    report.set_defaults(run=_report)
    why = commands.add_parser("why", help="say why a case of a run gains: what --formfunc-why has observed of it")
    why.add_argument("file", type=Path, metavar="RUN", help="a saved run, or a journal")
    why.add_argument("case", metavar="CASE", help="the case's id, as the table has it")
    why.set_defaults(run=_why)
    history = commands.add_parser("history", help="how the speedups of saved runs moved")
    history.add_argument("files", type=Path, nargs="+", metavar="RUN", help="oldest first, as the shell sorts them")
    history.set_defaults(run=_history)


def _compare(given: argparse.Namespace) -> int:
    threshold = parse_fraction(given.threshold, what="threshold")
    locks = locks_of_saved(LOCKS[given.threshold_means])
    then, now = read_baseline(given.then), read_baseline(given.now)
    keys = [key for key, record in now.records.items() if not record.native]
    family = Family(sum(key in then.records for key in keys))
    judge = SavedJudge(then, family, escalation_s=0.0, locks=locks)
    verdicts = {}
    for key in keys:
        evidence = Evidence(key, functools.partial(now.records.get, key), so_far=now.records.values)
        judgement = judge.judge(evidence, threshold)
        if judgement is not None:
            verdicts[key] = judgement.verdict
    missing = [key for key, record in then.records.items() if not record.native and key not in now.records]
    for line in render_verdicts(verdicts, missing):
        say(line)
    statuses = {verdict.status for verdict in verdicts.values()}
    if statuses <= {"new", "not comparable"}:
        raise FormfuncError(
            f"nothing of {given.now} can be compared with {given.then}: name runs of one machine and suite"
        )
    if "regressed" in statuses:
        return EXIT_REGRESSED
    if given.strict and (fault := why_runs_differ(statuses, missing)):
        say(f"pytest-formfunc: the comparison is incomplete, which --strict does not pass: {fault}", file=sys.stderr)
        return EXIT_INCOMPLETE
    return 0


def _show(given: argparse.Namespace) -> int:
    run = read_baseline(given.file)
    for line in render_saved(run.name, run.records.values()):
        say(line)
    for one in _pooled_of(given.file, run.records.values()):
        say(one.sentence)
    return 0


def _pooled_of(path: Path, records: Collection[Record]) -> list[PooledLoss]:
    """Return what several cases of a saved run, or of a journal, lost together."""
    return results_of(read_with_parts(path)).pooled if is_journal(path) else pooled_losses_of(records)


def _report(given: argparse.Namespace) -> int:
    if not report_ending(given.to.name):
        raise FormfuncError(f"report {given.to} has no known ending: use {either(REPORT_FORMATS)}")
    runs = [read_baseline(path) for path in dict.fromkeys(given.files)]
    last = runs[-1]
    if is_journal(given.files[-1]):
        results = results_of(read_with_parts(given.files[-1]))
    else:
        pooled = pooled_losses_of(last.records.values())
        results = Results(records=dict(last.records), tests=dict(last.tests), pooled=pooled)
    names = [run.name for run in runs]
    titles = names if len({*names}) == len(names) else [str(path) for path in dict.fromkeys(given.files)]
    results.runs = {title: dict(run.records) for title, run in zip(titles, runs, strict=True)}
    check_report_path(given.to, "report")
    try:
        path = write_report(results, given.to)
    except OSError as error:
        raise FormfuncError(f"report {given.to} cannot be written: {error.strerror}") from None
    say(f"report written to {path}")
    return 0


def _why(given: argparse.Namespace) -> int:
    records = read_baseline(given.file).records.values()
    of_case = [record for record in records if record.case == given.case]
    if not of_case:
        close = difflib.get_close_matches(given.case, {record.case for record in records}, n=1)
        raise FormfuncError(
            f"{given.file} has no case {given.case!r}{f': did you mean {close[0]!r}?' if close else ''}"
        )
    if not any(record.observations or record.waterfall for record in of_case):
        raise FormfuncError(
            f"nothing was observed of {given.case}: measure it with --formfunc-why or --formfunc-waterfall"
        )
    for line in [*explain(of_case), *explain_once(of_case)]:
        say(line)
    return 0


def _history(given: argparse.Namespace) -> int:
    for line in render_history(history_of([read_baseline(path) for path in given.files])):
        say(line)
    return 0
