"""The ``pytest-formfunc`` command: everything that is not a test run. It calls the same code as the plugin."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import functools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.gate.baseline import read_baseline
from pytest_formfunc.gate.closing import Fault, faults_of
from pytest_formfunc.gate.completeness import why_runs_differ
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.gate.judge import Evidence
from pytest_formfunc.gate.merging import Merged, judge_whole, merge, why_red
from pytest_formfunc.gate.run_history import history_of
from pytest_formfunc.gate.saved import SavedJudge
from pytest_formfunc.journal.folder import FOLDER, is_open, list_journals, read_with_parts
from pytest_formfunc.journal.lines import COMPLETE, INTERRUPTED, Failure, Row
from pytest_formfunc.journal.writing import JournalWriter
from pytest_formfunc.option_specs import REPORT_FORMATS, either, report_ending
from pytest_formfunc.output import Output
from pytest_formfunc.paths import is_folder
from pytest_formfunc.records import Key
from pytest_formfunc.report.files import check_report_path, write_report, write_whole
from pytest_formfunc.report.fleet import render_fleet, render_merged
from pytest_formfunc.report.saved import render_history, render_runs, render_saved, render_verdicts, render_verified
from pytest_formfunc.report.why import explain, explain_once
from pytest_formfunc.results import Results
from pytest_formfunc.stats.balance import MOST_PARTS
from pytest_formfunc.text import log_line
from pytest_formfunc.units import parse_fraction, parse_positive_int

EXIT_REGRESSED = EXIT_INCOMPLETE = 1
EXIT_INTERRUPTED = 2  # like pytest's exit codes
EXIT_USAGE = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    It is 1 for a regression or a comparison that --strict does not pass, 2 after Ctrl-C, 4 for wrong usage, and else 0.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    output = Output()
    try:
        with contextlib.redirect_stdout(output):
            code: int = given.run(given)
    except FormfuncError as error:
        _print(f"pytest-formfunc: {error}", file=sys.stderr)
        return EXIT_USAGE
    except MemoryError:
        _print("pytest-formfunc: there is not enough memory to read this", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    output.flush()
    if output.problem:
        _print(f"pytest-formfunc: the output cannot be written: {output.problem}", file=sys.stderr)
    return code or (EXIT_USAGE if output.problem else 0)


class _Parser(argparse.ArgumentParser):
    """An argument parser with pytest's exit code for wrong usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pytest-formfunc", description="Speedup of network forms: everything that is not a test run.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    compare = commands.add_parser("compare", help="compare two saved runs; exits 1 where a speedup regressed")
    compare.add_argument("then", type=Path, metavar="THEN", help="a saved run, or a journal")
    compare.add_argument("now", type=Path, metavar="NOW")
    compare.add_argument("--threshold", default="10%", metavar="PERCENT", help="loss that counts (default 10%%)")
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
    runs = commands.add_parser("runs", help="list the journals of runs: which ended, and which can be continued")
    runs.add_argument(
        "folder", type=Path, nargs="?", default=Path(".formfunc_cache") / FOLDER, metavar="FOLDER",
        help="folder of the journals (default %(default)s)",
    )  # fmt: skip
    runs.set_defaults(run=_runs)
    merge = commands.add_parser(
        "merge", help="judge the parts of a run that --formfunc-shard divided; exits 1 where the whole does not pass"
    )
    merge.add_argument("files", type=Path, nargs="+", metavar="PART", help="the journals of all parts")
    merge.add_argument("--baseline", type=Path, metavar="RUN", help="compare with this run, a saved one or a journal")
    merge.add_argument("--threshold", metavar="PERCENT", help="loss that counts (by default that of each row's test)")
    merge.add_argument("--output", type=Path, metavar="FILE", help="write the whole as a journal, or as a report")
    merge.add_argument("--strict", action="store_true", help="also exit 1 where parts overlap or are missing, or a "
                       "comparison was not judged")  # fmt: skip
    merge.set_defaults(run=_merge)
    verify = commands.add_parser(
        "verify", help="judge a run by its journal alone, running none of its code; exits 1 where it does not pass"
    )
    verify.add_argument("file", type=Path, metavar="RUN", help="its journal, as --formfunc-journal names it")
    verify.add_argument("--strict", action="store_true", help="also exit 1 where the run did not end, or something "
                        "was not compared; by default if the run itself was strict")  # fmt: skip
    verify.set_defaults(run=_verify)
    durations = commands.add_parser("durations", help="write how long each case of runs took, to balance shards by")
    durations.add_argument("files", type=Path, nargs="+", metavar="JOURNAL")
    durations.add_argument(
        "--output", type=Path, default=Path(".formfunc_durations.json"), metavar="FILE", help="(default %(default)s)"
    )
    durations.set_defaults(run=_durations)
    fleet = commands.add_parser("fleet", help="predict how long the cases of a run take on many machines")
    fleet.add_argument("files", type=Path, nargs="+", metavar="JOURNAL")
    fleet.add_argument("--hosts", default="1,2,4,8,10,100,1000", metavar="NUMBERS", help="(default %(default)s)")
    fleet.add_argument("--workers", default="1", metavar="NUMBER", help="of each machine (default %(default)s)")
    fleet.set_defaults(run=_fleet)
    history = commands.add_parser("history", help="how the speedups of saved runs moved")
    history.add_argument("files", type=Path, nargs="+", metavar="RUN", help="oldest first, as the shell sorts them")
    history.set_defaults(run=_history)
    bisect = commands.add_parser("bisect", help="find the commit that lost the speedup, side by side at each step")
    bisect.add_argument("good", metavar="GOOD", help="a revision that had it")
    bisect.add_argument("bad", metavar="BAD", help="a later one that lost it")
    bisect.add_argument("pytest", nargs="*", metavar="PYTEST_ARG", help="tests and options of pytest, after --")
    bisect.set_defaults(run=_bisect)
    return parser


def _print(line: str, file: TextIO | None = None) -> None:
    """Print a line, in which names of a file are harmless."""
    print(log_line(line), file=file or sys.stdout)


def _compare(given: argparse.Namespace) -> int:
    threshold = parse_fraction(given.threshold, what="threshold")
    then, now = read_baseline(given.then), read_baseline(given.now)
    keys = [key for key, record in now.records.items() if not record.native]
    judge = SavedJudge(then, Family(sum(key in then.records for key in keys)))
    verdicts = {}
    for key in keys:
        judgement = judge.judge(Evidence(key, record=functools.partial(now.records.get, key)), threshold)
        if judgement is not None:
            verdicts[key] = judgement.verdict
    missing = [key for key, record in then.records.items() if not record.native and key not in now.records]
    for line in render_verdicts(verdicts, missing):
        _print(line)
    statuses = {verdict.status for verdict in verdicts.values()}
    if statuses <= {"new", "not comparable"}:
        raise FormfuncError(
            f"nothing of {given.now} can be compared with {given.then}: name runs of one machine and suite"
        )
    if "regressed" in statuses:
        return EXIT_REGRESSED
    if given.strict and (fault := why_runs_differ(statuses, missing)):
        _print(f"pytest-formfunc: the comparison is incomplete, which --strict does not pass: {fault}", file=sys.stderr)
        return EXIT_INCOMPLETE
    return 0


def _show(given: argparse.Namespace) -> int:
    run = read_baseline(given.file)
    for line in render_saved(run.name, run.records.values()):
        _print(line)
    return 0


def _report(given: argparse.Namespace) -> int:
    if not report_ending(given.to.name):
        raise FormfuncError(f"report {given.to} has no known ending: use {either(REPORT_FORMATS)}")
    runs = [read_baseline(path) for path in dict.fromkeys(given.files)]
    last = runs[-1]
    results = Results(records=dict(last.records), tests=dict(last.tests))
    names = [run.name for run in runs]
    titles = names if len({*names}) == len(names) else [str(path) for path in dict.fromkeys(given.files)]
    results.runs = {title: dict(run.records) for title, run in zip(titles, runs, strict=True)}
    check_report_path(given.to, "report")
    try:
        path = write_report(results, given.to)
    except OSError as error:
        raise FormfuncError(f"report {given.to} cannot be written: {error.strerror}") from None
    _print(f"report written to {path}")
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
        _print(line)
    return 0


def _runs(given: argparse.Namespace) -> int:
    if not is_folder(given.folder):
        raise FormfuncError(f"there is no folder {given.folder}: name that of the journals, which runs write")
    for line in render_runs(list_journals(given.folder)):
        _print(line)
    return 0


def _merge(given: argparse.Namespace) -> int:
    threshold = None if given.threshold is None else parse_fraction(given.threshold, what="threshold")
    if given.output is not None and not (report_ending(given.output.name) or given.output.suffix == ".jsonl"):
        raise FormfuncError(f"output {given.output} has no known ending: use {either([*REPORT_FORMATS, '.jsonl'])}")
    if given.output is not None and (given.output in given.files or is_open(given.output)):
        raise FormfuncError(f"output {given.output} is a journal that is read or written: name another file")
    baseline = None if given.baseline is None else read_baseline(given.baseline)
    merged = merge({str(path): read_with_parts(path) for path in dict.fromkeys(given.files)})
    if baseline is not None:
        merged.header = replace(merged.header, title=f"the run {baseline.name}")
    rows = judge_whole(merged, baseline, threshold)
    for line in render_merged(merged, rows):
        _print(line)
    if given.output is not None:
        _print(f"written to {_write_merged(merged, rows, given.output)}")
    reasons = why_red(merged, rows, strict=given.strict or merged.header.strict)
    for reason in reasons:
        _print(f"pytest-formfunc: {reason}", file=sys.stderr)
    return EXIT_REGRESSED if reasons else 0


def _verify(given: argparse.Namespace) -> int:
    journal = read_with_parts(given.file)
    header = journal.header
    if header.shard is not None:
        raise FormfuncError(f"journal {given.file} is part {header.shard} of a run: judge all parts by merge")
    strict = given.strict or header.strict
    faults = faults_of(header, journal.confirmed(), ended=journal.ended, strict=strict)
    if given.strict and not header.title:
        faults.append(Fault("nothing", "nothing was compared, which --strict does not pass"))
    for line in render_verified(journal, faults):
        _print(line)
    for fault in faults:
        _print(f"pytest-formfunc: {fault.sentence}", file=sys.stderr)
    return EXIT_REGRESSED if faults else 0


def _write_merged(merged: Merged, rows: Mapping[Key, Row], path: Path) -> Path:
    try:
        if report_ending(path.name):
            records = {key: row.record for key, row in rows.items()}
            tests = {key: row.test for key, row in rows.items()}
            return write_report(Results(records=records, failures=merged.failures, tests=tests), path)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FormfuncError(f"{path} cannot be written: {error.strerror}") from None
    writer = JournalWriter(path, replace(merged.header, tests=()))
    for row in rows.values():
        writer.add(row)
    for key, reason in merged.failures.items():
        writer.fail(Failure(*key, reason))
    writer.end(INTERRUPTED if merged.faults else COMPLETE)
    writer.close()
    if writer.problem:
        raise FormfuncError(writer.problem)
    return path


def _durations(given: argparse.Namespace) -> int:
    seconds = {name: round(sum(parts), 3) for name, parts in _seconds_of(given.files).items()}
    try:
        write_whole(given.output, json.dumps(seconds, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise FormfuncError(f"{given.output} cannot be written: {error.strerror}") from None
    _print(f"{len(seconds)} cases, {sum(seconds.values()):.0f} s together, written to {given.output}")
    return 0


def _fleet(given: argparse.Namespace) -> int:
    seconds = _seconds_of(given.files)
    hosts = [parse_positive_int(part.strip(), what="number of hosts") for part in given.hosts.split(",")]
    if max(hosts) > MOST_PARTS:
        raise FormfuncError(f"number of hosts {max(hosts)} is too large: at most {MOST_PARTS}")
    workers = parse_positive_int(given.workers, what="number of workers")
    for line in render_fleet(seconds, hosts, workers):
        _print(line)
    return 0


def _seconds_of(paths: Sequence[Path]) -> dict[str, tuple[float, float]]:
    """Return the seconds that the cases of journals took to prepare and to measure; later journals count more."""
    found: dict[str, tuple[float, float]] = {}
    for path in paths:
        rows = read_with_parts(path).rows.values()
        found |= {row.group or row.record.case: (row.preparing_s, row.measuring_s) for row in rows}
    if not found:
        raise FormfuncError(f"{', '.join(map(str, paths))} has no row that says how long its case took")
    return found


def _history(given: argparse.Namespace) -> int:
    for line in render_history(history_of([read_baseline(path) for path in given.files])):
        _print(line)
    return 0


def _bisect(given: argparse.Namespace) -> int:
    from pytest_formfunc.revisions.bisect import bisect

    return bisect(given.good, given.bad, given.pytest, Path.cwd(), _print)


if __name__ == "__main__":
    sys.exit(main())
