"""The command that searches the packages of an upgrade."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_formfunc.cli.ground import Commands, say


def add(commands: Commands) -> None:
    """Add these commands to the parser."""
    packages = commands.add_parser(
        "bisect-packages", help="find the package of an upgrade that lost the speedup, side by side at each step"
    )
    packages.add_argument("environment", metavar="OLD_ENV", help="a virtual environment that had it; this one lost it")
    packages.add_argument("pytest", nargs="*", metavar="PYTEST_ARG", help="tests and options of pytest, after --")
    packages.set_defaults(run=_bisect_packages)


def _bisect_packages(given: argparse.Namespace) -> int:
    from pytest_formfunc.revisions.package_bisect import Upgrade, bisect_packages

    here = Path.cwd()
    return bisect_packages(Upgrade(given.environment, "HEAD", tuple(given.pytest), here, here), say)
