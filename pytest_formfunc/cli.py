"""The ``pytest-formfunc`` command: everything that is not a test run. It calls the same code as the plugin."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.gate.baseline import read_baseline
from pytest_formfunc.gate.completeness import why_runs_differ
from pytest_formfunc.gate.judge import Evidence
from pytest_formfunc.gate.run_history import history_of
from pytest_formfunc.gate.saved import SavedJudge
from pytest_formfunc.report.saved import render_history, render_saved, render_verdicts
from pytest_formfunc.units import parse_fraction

EXIT_REGRESSED = EXIT_INCOMPLETE = 1
EXIT_INTERRUPTED = 2  # like pytest's exit codes
EXIT_USAGE = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    It is 1 for a regression or a comparison that --strict does not pass, 2 after Ctrl-C, 4 for wrong usage, and else 0.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        code: int = given.run(given)
    except FormfuncError as error:
        print(f"pytest-formfunc: {error}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:  # the reader has closed the pipe, such as head
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return code


class _Parser(argparse.ArgumentParser):
    """An argument parser with pytest's exit code for wrong usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pytest-formfunc", description="Speedup of network forms: everything that is not a test run.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    compare = commands.add_parser("compare", help="compare two saved runs; exits 1 where a speedup regressed")
    compare.add_argument("then", type=Path, metavar="THEN.json")
    compare.add_argument("now", type=Path, metavar="NOW.json")
    compare.add_argument("--threshold", default="10%", metavar="PERCENT", help="loss that counts (default 10%%)")
    compare.add_argument(
        "--strict", action="store_true",
        help="also exit 1 where a case is new, missing or not comparable, or every verdict is inconclusive",
    )  # fmt: skip
    compare.set_defaults(run=_compare)
    show = commands.add_parser("show", help="show a saved run")
    show.add_argument("file", type=Path, metavar="RUN.json")
    show.set_defaults(run=_show)
    history = commands.add_parser("history", help="how the speedups of saved runs moved")
    history.add_argument(
        "files", type=Path, nargs="+", metavar="RUN.json", help="oldest first, as the shell sorts them"
    )
    history.set_defaults(run=_history)
    bisect = commands.add_parser("bisect", help="find the commit that lost the speedup, side by side at each step")
    bisect.add_argument("good", metavar="GOOD", help="a revision that had it")
    bisect.add_argument("bad", metavar="BAD", help="a later one that lost it")
    bisect.add_argument("pytest", nargs="*", metavar="PYTEST_ARG", help="tests and options of pytest, after --")
    bisect.set_defaults(run=_bisect)
    return parser


def _compare(given: argparse.Namespace) -> int:
    threshold = parse_fraction(given.threshold, what="threshold")
    then, now = read_baseline(given.then), read_baseline(given.now)
    keys = [key for key, record in now.records.items() if not record.native]
    judge = SavedJudge(then, comparisons=sum(key in then.records for key in keys))
    verdicts = {}
    for key in keys:
        judgement = judge.judge(Evidence(key, record=functools.partial(now.records.get, key)), threshold)
        if judgement is not None:
            verdicts[key] = judgement.verdict
    missing = [key for key, record in then.records.items() if not record.native and key not in now.records]
    for line in render_verdicts(verdicts, missing):
        print(line)
    statuses = {verdict.status for verdict in verdicts.values()}
    if statuses <= {"new", "not comparable"}:
        raise FormfuncError(
            f"nothing of {given.now} can be compared with {given.then}: name runs of one machine and suite"
        )
    if "regressed" in statuses:
        return EXIT_REGRESSED
    if given.strict and (fault := why_runs_differ(statuses, missing)):
        print(f"pytest-formfunc: the comparison is incomplete, which --strict does not pass: {fault}", file=sys.stderr)
        return EXIT_INCOMPLETE
    return 0


def _show(given: argparse.Namespace) -> int:
    run = read_baseline(given.file)
    for line in render_saved(run.name, run.records.values()):
        print(line)
    return 0


def _history(given: argparse.Namespace) -> int:
    for line in render_history(history_of([read_baseline(path) for path in given.files])):
        print(line)
    return 0


def _bisect(given: argparse.Namespace) -> int:
    from pytest_formfunc.revisions.bisect import bisect

    return bisect(given.good, given.bad, given.pytest, Path.cwd(), print)


if __name__ == "__main__":
    sys.exit(main())
