"""The ``pytest-formfunc`` command: what is no test run. It calls the code that the plugin calls."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from pytest_formfunc.cases import Case
from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.gate.baseline import Baseline, Key, parse_baseline
from pytest_formfunc.gate.saved import SavedJudge
from pytest_formfunc.report.saved import render_history, render_saved, render_verdicts
from pytest_formfunc.units import parse_fraction

EXIT_REGRESSED = EXIT_INCOMPLETE = 1
EXIT_INTERRUPTED = 2  # these are pytest's
EXIT_USAGE = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    0; 1 for a regression, or what --strict does not pass; 2 after Ctrl-C; 4 for wrong usage.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        code: int = given.run(given)
    except FormfuncError as error:
        print(f"pytest-formfunc: {error}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:  # | head
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return code


class _Parser(argparse.ArgumentParser):
    """argparse, with pytest's exit code for wrong usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pytest-formfunc", description="Speedup of network forms: what is no test run.")
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


def _read(path: Path) -> Baseline:
    try:
        return parse_baseline(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise FormfuncError(f"{path} cannot be read: {error}") from None


def _compare(given: argparse.Namespace) -> int:
    threshold = parse_fraction(given.threshold, what="threshold")
    then, now = _read(given.then), _read(given.now)
    keys = [key for key, record in now.records.items() if not record.native]
    comparisons = sum(key in then.records for key in keys)
    judge = SavedJudge(then, comparisons, lambda case, backend: now.records.get((case.id, backend)), lambda *_: 0.0)
    verdicts = {}
    for case_id, backend in keys:
        case = Case(case_id, {}, source=None, input_shape=(), seed=0)  # type: ignore[arg-type]  # nothing is measured
        verdicts[case_id, backend] = judge.judge(case, backend, threshold)
    missing = [key for key, record in then.records.items() if not record.native and key not in now.records]
    for line in render_verdicts(verdicts, missing):
        print(line)
    statuses = {verdict.status for verdict in verdicts.values() if verdict is not None}
    if statuses <= {"new", "not comparable"}:
        raise FormfuncError(
            f"nothing of {given.now} can be compared with {given.then}: name runs of one machine and suite"
        )
    if "regressed" in statuses:
        return EXIT_REGRESSED
    if given.strict and (fault := _why_incomplete(statuses, missing)):
        print(f"pytest-formfunc: the comparison is incomplete, which --strict does not pass: {fault}", file=sys.stderr)
        return EXIT_INCOMPLETE
    return 0


def _why_incomplete(statuses: Collection[str], missing: Sequence[Key]) -> str:
    """Return a clause where less was judged than both runs hold; empty where all was."""
    gaps = [status for status in ("new", "not comparable") if status in statuses]
    gaps += ["missing"] if missing else []
    if gaps:
        return f"there are cases that are {', '.join(gaps)}"
    return "every verdict is inconclusive" if set(statuses) == {"inconclusive"} else ""


def _show(given: argparse.Namespace) -> int:
    for line in render_saved(_read(given.file)):
        print(line)
    return 0


def _history(given: argparse.Namespace) -> int:
    for line in render_history([_read(path) for path in given.files]):
        print(line)
    return 0


def _bisect(given: argparse.Namespace) -> int:
    from pytest_formfunc.revisions.bisect import bisect

    return bisect(given.good, given.bad, given.pytest, Path.cwd(), print)


if __name__ == "__main__":
    sys.exit(main())
