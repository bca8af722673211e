"""What every command shares: exit codes, a parser, and a way to say a line."""

from __future__ import annotations

import argparse
import sys
from typing import Any, TextIO

from pytest_formfunc.option_specs import THRESHOLD_MEANS
from pytest_formfunc.text import log_line

EXIT_REGRESSED = EXIT_INCOMPLETE = 1
EXIT_INTERRUPTED = 2  # like pytest's exit codes
EXIT_USAGE = 4

Commands = Any  # what ``ArgumentParser.add_subparsers`` returns, a class that argparse keeps to itself


class Parser(argparse.ArgumentParser):
    """An argument parser with pytest's exit code for wrong usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Say what is wrong, and end."""
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def add_threshold_means(parser: Any, default: str | None, default_is: str) -> None:
    """Add the option that says what a threshold means; the second word for the default is for its help."""
    parser.add_argument(
        "--threshold-means", choices=THRESHOLD_MEANS, default=default,
        help="what the threshold means: found (two thirds of it, measured, count) or measured (all of it has to be "
        f"measured); {default_is}",
    )  # fmt: skip


def say(line: str, file: TextIO | None = None) -> None:
    """Print a line, in which names of a file are harmless."""
    print(log_line(line), file=file or sys.stdout)
