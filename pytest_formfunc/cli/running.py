"""The command that measures: pytest with the installed suite, which ``pytest bench/`` of a clone runs too."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
import textwrap
from collections.abc import Sequence

from pytest_formfunc.cli.ground import Commands, say
from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.architectures import architecture_names
from pytest_formfunc.forms.patterns import pattern_names
from pytest_formfunc.forms.users import split_models
from pytest_formfunc.option_specs import OPTIONS

# The installed suite, whatever the ini file of the folder says of names of tests.
SUITE = ("-p", "pytest_formfunc.plugin.suite.collecting", "-o", "python_functions=test_form")
_FLAG = "--formfunc-"
_ABOUT = """\
usage: pytest-formfunc run [NAME ...] [OPTION ...]

Measure forms on PyTorch and on an accelerated engine, in the same rounds; by default every pattern on OpenVINO.

A NAME is a pattern, a network, or a model of yours: package.module:function, a file (.onnx, .xml, .pt2), timm:NAME,
torchvision:NAME, pytorchcv:NAME, hf:FOLDER. Names stand before options of pytest itself. --list shows what there is.

Options, each also as --formfunc-NAME; and all of pytest's own (pytest --help):"""
_MODEL = re.compile(r"[:./(]")  # in the name of a model, and in none of a pattern or a network


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    run = commands.add_parser(
        "run", prefix_chars="\0", add_help=False,
        help="measure: patterns, networks, or models of yours by name (by default every pattern); with all options of "
        "pytest, and those of --help under formfunc also without that prefix, as in --depths 2,8",
    )  # fmt: skip
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="[MODEL ...] [OPTION ...]")
    run.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    """Become a pytest process, so that signals and the exit code are pytest's own; or print the help."""
    if {"-h", "--help"} & {*given.arguments}:
        for line in help_lines():
            say(line)
        return 0
    arguments = pytest_arguments(given.arguments)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *SUITE, *arguments])


def help_lines() -> list[str]:
    """Return the command's help, which argparse cannot write: it does not parse the command's options."""
    lines = _ABOUT.splitlines()
    for spec in OPTIONS:
        lines.append(f"  --{spec.name} {spec.metavar}".rstrip())
        lines += textwrap.wrap(spec.help, 110, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return lines


def pytest_arguments(given: Sequence[str]) -> list[str]:
    """Return pytest's arguments for names of models and options.

    Args:
        given: as the user typed them. A word that is no option is the name of a model, unless it follows an option that
            is not one of this plugin's: it may be that one's value.

    Raises:
        BadInput: a name is no pattern and no network, and resembles that of a network.
    """
    specs = {name: spec for spec in OPTIONS for name in (f"--{spec.name}", f"{_FLAG}{spec.name}")}
    patterns: list[str] = []
    architectures: list[str] = []
    models: list[str] = []
    found: list[str] = []
    words = iter(given)
    may_be_name = True
    for word in words:
        name, equals, value = word.partition("=")
        spec = specs.get(name)
        if spec is not None:
            found.append(f"{_FLAG}{spec.name}{equals}{value}")
            if spec.metavar and not equals:
                found += [one for one in [next(words, None)] if one is not None]
            may_be_name = True
        elif word in ("--list", f"{_FLAG}list"):
            found.append(f"{_FLAG}list")
        elif word.startswith("-") or not may_be_name:
            found.append(word)
            may_be_name = False
        else:
            for one in split_models(word):
                (models if _MODEL.search(one) else architectures if _is_network(one) else patterns).append(one)
    for option, names in (("patterns", patterns), ("architectures", architectures), ("model", models)):
        if names:
            found.append(f"{_FLAG}{option}={','.join(names)}")
    return found


def _is_network(name: str) -> bool:
    """Return whether a name is that of a network; a pattern's may be one that a conftest.py adds.

    Raises:
        BadInput: it is neither, and resembles that of a network.
    """
    if name in pattern_names() or name in architecture_names():
        return name not in pattern_names()
    near = difflib.get_close_matches(name, architecture_names(), n=3)
    if near and not difflib.get_close_matches(name, pattern_names(), n=1, cutoff=0.8):
        raise BadInput(
            f"there is no network {name!r}: did you mean {' or '.join(near)}? A pattern of that name, which your "
            f"conftest.py adds, is measured by --patterns {name}"
        )
    return False
