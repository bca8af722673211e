"""A Sphinx extension that writes the pages of options, fixtures, markers, commands and patterns from the code."""

from __future__ import annotations

import argparse
import ast
import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_formfunc import cli
from pytest_formfunc.forms.patterns import PATTERNS, PatternEntry
from pytest_formfunc.marker import Marker
from pytest_formfunc.option_specs import FAIL_ON, MARKER_ARGUMENTS, OPTIONS
from pytest_formfunc.plugin import fixtures

DOCS = Path(__file__).parents[1]
FOLDER = DOCS / "generated"
PACKAGE = DOCS.parent / "pytest_formfunc"


def options_page() -> str:
    """Return every option with its default, and how it is written in an ini file."""
    parts = ["# Options", "", "Those that have a name for an ini file can be set there too; the command line wins.", ""]
    for spec in OPTIONS:
        about = [f"`{spec.default}` by default"] if spec.default else []
        about += [f"`formfunc_{spec.key}` in an ini file"] if spec.ini else []
        parts += [
            f"`{' '.join(filter(None, (f'--formfunc-{spec.name}', spec.metavar)))}`",
            f": {_escaped(_sentence(spec.help))}",
            *([f"  {_sentence('; '.join(about))}"] if about else []),
            "",
        ]
    parts += ["`--formfunc-list`", ": List patterns, architectures, backends and this machine; takes no value.", ""]
    return "\n".join(parts)


def _sentence(text: str) -> str:
    """Return a text as a sentence; dots that say that another option goes on are left out."""
    text = text.removeprefix("... ").removesuffix(" ...")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def fixtures_page() -> str:
    """Return every public fixture with what its docstring says, and what `formfunc` takes and returns."""
    from pytest_formfunc.plugin.measured_test import Formfunc
    from pytest_formfunc.plugin.result import Result

    found = [
        (name, inspect.getdoc(getattr(value, "__wrapped__", value)) or "")
        for name, value in vars(fixtures).items()
        if name.startswith("formfunc") and type(value).__name__ == "FixtureFunctionDefinition"
    ]
    parts = ["# Fixtures", "", "| fixture | gives |", "|---|---|"]
    parts += [_row(f"`{name}`", _escaped(_joined(text))) for name, text in found]
    parts += ["", "## What `formfunc` takes", "", *_code(_docstring(Formfunc.__call__))]
    parts += ["", "## What it returns", "", *_code(_docstring(Result)), "", "| name | is |", "|---|---|"]
    parts += [
        _row(f"`.{name}`", _escaped(_joined(inspect.getdoc(value) or "")))
        for name, value in vars(Result).items()
        if isinstance(value, property)
    ]
    return "\n".join([*parts, ""])


def markers_page() -> str:
    """Return the marker's arguments."""
    from pytest_formfunc.plugin.options import MARKER_HELP

    doc = inspect.getdoc(Marker) or ""
    said = dict(re.findall(r"^    (\w+): (.+?)(?=\n    \w+:|\Z)", doc, re.S | re.M))
    parts = [
        "# Markers",
        "",
        *_code(f"@pytest.mark.{MARKER_HELP.partition('): ')[0]})"),
        "",
        "| argument | meaning |",
        "|---|---|",
    ]
    for name in MARKER_ARGUMENTS:
        parts.append(_row(f"`{name}`", _escaped(_joined(said.get(name) or said[f"{name}_s"]))))
    kinds = ", ".join(f"`{one}`" for one in FAIL_ON)
    return "\n".join([*parts, "", f"The kinds of verdict are {kinds}.", ""])


def commands_page() -> str:
    """Return the help of `pytest-formfunc` and of each of its commands."""
    parser = cli.parser()
    action: Any = next(one for one in parser._actions if isinstance(one.choices, dict))
    helps = {one.dest: one.help for one in action._choices_actions}
    parts = ["# Commands", "", "`pytest-formfunc COMMAND --help` says the same.", ""]
    for name, one in action.choices.items():
        one.formatter_class = functools.partial(argparse.HelpFormatter, width=100)  # whatever the terminal
        one.prog = f"pytest-formfunc {name}"
        parts += [f"## {name}", "", f"{(helps.get(name) or '').capitalize()}.", "", *_code(one.format_help()), ""]
    return "\n".join(parts)


def patterns_page() -> str:
    """Return each pattern with its drawing and the paper that it is from."""
    parts = [
        "# Patterns",
        "",
        "A form of the matrix is a stem, `depth` blocks of one pattern at one width, and a classifier.",
        "Each drawing is one block as its code builds it, for 64 channels in and width 64; layers that follow",
        "each other directly share a box.",
        "",
    ]
    for entry in PATTERNS:
        summary, paper = _origin(entry)
        widths = f"Its widths are multiples of {entry.width_multiple}." if entry.width_multiple > 1 else ""
        parts += [f"## {entry.name}", "", summary, *([widths] if widths else []), *([paper] if paper else []), ""]
        parts += [f"![the block of {entry.name}](../patterns/{entry.name}.svg)", ""]
    return "\n".join(parts)


PAGES = {
    "options.md": options_page,
    "fixtures.md": fixtures_page,
    "markers.md": markers_page,
    "commands.md": commands_page,
    "patterns.md": patterns_page,
}


def _origin(entry: PatternEntry) -> tuple[str, str]:
    """Return the first sentence of a block's docstring, and the papers that its file names; torch is not loaded."""
    module, _, name = entry.target.partition(":")
    tree = ast.parse((PACKAGE / "forms" / "patterns" / f"{module}.py").read_text(encoding="utf-8"))
    found = next(one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name)
    papers = re.findall(r"^(.+?),? (https://\S+?)[.,]?$", ast.get_docstring(tree) or "", re.M)
    return _joined(ast.get_docstring(found) or ""), "; ".join(
        f"[{_escaped(title.rstrip(':'))}]({link})" for title, link in papers
    )


def _docstring(value: Any) -> str:
    return inspect.getdoc(value) or ""


def _joined(text: str) -> str:
    """Return a docstring's first paragraph in one line."""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


def _escaped(text: str) -> str:
    return re.sub(r"([|*_<>\[\]])", r"\\\1", text.replace("``", "`"))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> Iterator[str]:
    yield from ("```text", text.rstrip(), "```")


def write_pages(*_: object) -> None:
    """Write the pages that have changed."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        text, path = make(), FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Write the pages before Sphinx looks for its sources."""
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True}
