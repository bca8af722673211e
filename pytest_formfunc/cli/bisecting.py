"""The command that searches commits."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_formfunc.cli.ground import Commands, say


def add(commands: Commands) -> None:
    """Add these commands to the parser."""
    bisect = commands.add_parser("bisect", help="find the commit that lost the speedup, side by side at each step")
    bisect.add_argument("good", metavar="GOOD", help="a revision that had it")
    bisect.add_argument("bad", metavar="BAD", help="a later one that lost it")
    bisect.add_argument("pytest", nargs="*", metavar="PYTEST_ARG", help="tests and options of pytest, after --")
    bisect.set_defaults(run=_bisect)


def _bisect(given: argparse.Namespace) -> int:
    from pytest_formfunc.revisions.bisect import bisect

    return bisect(given.good, given.bad, given.pytest, Path.cwd(), say)
