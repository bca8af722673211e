"""The ``pytest-formfunc`` command: everything that is not a test run. It calls the same code as the plugin."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from pytest_formfunc.cli import bisecting, journals, packages, saved
from pytest_formfunc.cli.ground import EXIT_INTERRUPTED, EXIT_USAGE, Parser, say
from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.output import Output

# Each adds the parsers of its commands, in the order of the help.
COMMANDS = (saved, journals, bisecting, packages)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    It is 1 for a regression or a comparison that --strict does not pass, 2 after Ctrl-C, 4 for wrong usage, and else 0.
    """
    given = parser().parse_args(arguments)
    output = Output()
    try:
        with contextlib.redirect_stdout(output):
            code: int = given.run(given)
    except FormfuncError as error:
        say(f"pytest-formfunc: {error}", file=sys.stderr)
        return EXIT_USAGE
    except MemoryError:
        say("pytest-formfunc: there is not enough memory to read this", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    output.flush()
    if output.problem:
        say(f"pytest-formfunc: the output cannot be written: {output.problem}", file=sys.stderr)
    return code or (EXIT_USAGE if output.problem else 0)


def parser() -> Parser:
    """Return the parser of all commands."""
    made = Parser(prog="pytest-formfunc", description="Speedup of network forms: everything that is not a test run.")
    commands = made.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for one in COMMANDS:
        one.add(commands)
    return made
