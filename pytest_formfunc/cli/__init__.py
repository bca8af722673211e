"""The ``pytest-formfunc`` command: it begins, measures, and reads what runs have left."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from pytest_formfunc.cli import bisecting, commenting, gating, issue, journals, packages, running, saved, starting
from pytest_formfunc.cli.ground import EXIT_INTERRUPTED, EXIT_USAGE, Parser, say
from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.output import Output

_ABOUT = "How much the form of a network gains from hardware-specific acceleration."
# Each adds the parsers of its commands, in the order of the help.
COMMANDS = (starting, running, gating, saved, journals, bisecting, packages, issue, commenting)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    It is 1 for a regression or a comparison that --strict does not pass, 2 after Ctrl-C, 4 for wrong usage, and else 0.
    """
    given = parser().parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
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


def _joined(arguments: Sequence[str]) -> list[str]:
    """Join ``--options`` and its value, which argparse would take for an option of its own where it begins with a dash.

    >>> _joined(["gate", "--options", "--formfunc-gate=graph -x"])
    ['gate', '--options=--formfunc-gate=graph -x']
    """
    found: list[str] = []
    for one in arguments:
        if found and found[0] == "gate" and found[-1] == "--options":
            found[-1] += f"={one}"
        else:
            found.append(one)
    return found


def parser() -> Parser:
    """Return the parser of all commands."""
    made = Parser(
        prog="pytest-formfunc", description="How much the form of a network gains from hardware-specific acceleration."
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for one in COMMANDS:
        one.add(commands)
    return made
