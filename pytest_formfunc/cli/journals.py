"""The commands that read journals: runs, merge, verify, durations and fleet."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_formfunc.cli.ground import EXIT_REGRESSED, Commands, add_threshold_means, say
from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.gate.baseline import read_baseline
from pytest_formfunc.gate.closing import Fault, faults_of
from pytest_formfunc.gate.decision import FOUND, LOCKS
from pytest_formfunc.gate.merging import Merged, judge_whole, merge, why_red
from pytest_formfunc.gate.pooled import pooled_losses
from pytest_formfunc.journal.folder import FOLDER, is_open, list_journals, read_with_parts
from pytest_formfunc.journal.lines import COMPLETE, INTERRUPTED, Failure, Header, Row
from pytest_formfunc.journal.writing import JournalWriter
from pytest_formfunc.option_specs import REPORT_FORMATS, either, report_ending
from pytest_formfunc.paths import is_folder
from pytest_formfunc.records import Key
from pytest_formfunc.report.files import write_report, write_whole
from pytest_formfunc.report.fleet import render_fleet, render_merged
from pytest_formfunc.report.saved import render_runs, render_verified
from pytest_formfunc.results import Results
from pytest_formfunc.stats.balance import MOST_PARTS
from pytest_formfunc.units import parse_fraction, parse_positive_int


def add(commands: Commands) -> None:
    """Add these commands to the parser."""
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
    add_threshold_means(merge, None, "by default what the ini file of the parts says")
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


def _runs(given: argparse.Namespace) -> int:
    if not is_folder(given.folder):
        raise FormfuncError(f"there is no folder {given.folder}: name that of the journals, which runs write")
    for line in render_runs(list_journals(given.folder)):
        say(line)
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
    means = given.threshold_means or str(merged.header.settings.get("threshold_means"))
    rows = judge_whole(merged, baseline, threshold, LOCKS.get(means, FOUND))
    for line in render_merged(merged, rows):
        say(line)
    _tell_pooled(merged.header, rows)
    if given.output is not None:
        say(f"written to {_write_merged(merged, rows, given.output)}")
    reasons = why_red(merged, rows, strict=given.strict or merged.header.strict)
    for reason in reasons:
        say(f"pytest-formfunc: {reason}", file=sys.stderr)
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
        say(line)
    _tell_pooled(header, journal.confirmed().rows)
    for fault in faults:
        say(f"pytest-formfunc: {fault.sentence}", file=sys.stderr)
    return EXIT_REGRESSED if faults else 0


def _tell_pooled(header: Header, rows: Mapping[Key, Row]) -> None:
    """Say what several cases lost together and what does not fail the run; what does is among its faults."""
    for one in pooled_losses(header, rows):
        if not one.fails:
            say(one.sentence)


def _write_merged(merged: Merged, rows: Mapping[Key, Row], path: Path) -> Path:
    try:
        if report_ending(path.name):
            records = {key: row.record for key, row in rows.items()}
            tests = {key: row.test for key, row in rows.items()}
            pooled = pooled_losses(merged.header, rows)
            return write_report(Results(records=records, failures=merged.failures, tests=tests, pooled=pooled), path)
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
    say(f"{len(seconds)} cases, {sum(seconds.values()):.0f} s together, written to {given.output}")
    return 0


def _fleet(given: argparse.Namespace) -> int:
    seconds = _seconds_of(given.files)
    hosts = [parse_positive_int(part.strip(), what="number of hosts") for part in given.hosts.split(",")]
    if max(hosts) > MOST_PARTS:
        raise FormfuncError(f"number of hosts {max(hosts)} is too large: at most {MOST_PARTS}")
    workers = parse_positive_int(given.workers, what="number of workers")
    for line in render_fleet(seconds, hosts, workers):
        say(line)
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
