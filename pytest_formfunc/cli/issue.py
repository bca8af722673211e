"""The command that writes a bug report: issue."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_formfunc.cli.ground import Commands, say


def add(commands: Commands) -> None:
    """Add this command to the parser."""
    issue = commands.add_parser(
        "issue", help="write an archive with the model of a case and a script that runs it, for an engine's maintainers"
    )
    issue.add_argument("file", type=Path, metavar="RUN", help="a saved run, or a journal")
    issue.add_argument("case", metavar="CASE", help="the case's id, as the table has it")
    issue.add_argument("--backend", default="", metavar="NAME", help="(default: the only accelerated one of the case)")
    issue.add_argument("--output", type=Path, metavar="FILE.zip", help="(default: named after case and backend)")
    issue.add_argument(
        "--with-weights", action="store_true",
        help="share the weights of a model of yours; by default they are replaced by random ones",
    )  # fmt: skip
    issue.add_argument(
        "--cache-dir", type=Path, default=Path(".formfunc_cache"), metavar="FOLDER",
        help="folder of converted models, as --formfunc-cache-dir named it (default %(default)s)",
    )  # fmt: skip
    issue.set_defaults(run=_issue)


def _issue(given: argparse.Namespace) -> int:
    from pytest_formfunc.issue.archive import check_output, file_name, write_issue
    from pytest_formfunc.issue.chosen import choose

    chosen = choose(given.file, given.case, given.backend)
    output = given.output or Path(file_name(chosen.record))
    check_output(output)
    shared = write_issue(chosen, output, given.cache_dir, with_weights=given.with_weights)
    weights = shared.why_none or (
        "Its weights are random." if shared.redrawn or not shared.own else "It has the WEIGHTS of your model."
    )
    say(f"written to {output}: read its README.md before you share it. {weights}")
    return 0
