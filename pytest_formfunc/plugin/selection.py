"""Which of another revision's tests are those of this run: the same command line, with its paths moved there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_formfunc.option_specs import OPTIONS

if TYPE_CHECKING:
    from pytest_formfunc.revisions.capture import Selection

# What a run passes on to another revision's tests: what they measure, not how it is judged or reported.
_PASSED_ON = ("patterns", "depths", "widths", "backends", "native", "architectures", "model", "input", "seed")


def select_there(config: pytest.Config, there: Callable[[Path], Path]) -> Selection:
    """Say how another revision's tests are to be collected, as these were.

    The user's own options go along: a model may be built from them. Of single tests that were named their files do.

    Args:
        config: of this run.
        there: tells where a path of the user's lies in the other revision.
    """
    from pytest_formfunc.revisions.capture import Selection, without_left_out

    folder = config.invocation_params.dir
    named = list(config.args) if config.args_source is pytest.Config.ArgsSource.ARGS else []
    given = [str(argument) for argument in config.invocation_params.args]
    chosen = {"-k": config.option.keyword, "-m": config.option.markexpr}
    options = [one for one in without_left_out(given) if one not in named]
    moved = [_moved(one, folder, there) for one in options]
    for spec in OPTIONS:
        value = config.getoption(f"formfunc_{spec.key}")
        if spec.key in _PASSED_ON and value is not None:
            moved.append(f"--formfunc-{spec.name}={value}")
    if config.pluginmanager.has_plugin("benchmark"):
        moved.append("--benchmark-disable")
    if config.pluginmanager.has_plugin("xdist"):
        moved += ["-n", "0"]
    moved += [part for name in ("-k", "-m") if (given_there := chosen[name]) for part in (name, given_there)]
    moved += ["-q", "-p", "no:cacheprovider", "--color=no", "--continue-on-collection-errors", "--maxfail=0"]
    if config.option.pyargs:
        present = named  # names of packages, or paths
    else:
        paths = dict.fromkeys(there(folder / one.partition("::")[0]) for one in named)
        present = [str(path) for path in paths if path.exists()]
    moved += ["--rootdir", str(there(config.rootpath))]
    return Selection((*moved, *present), bool(present or not named), any("::" in one for one in named))


def _moved(argument: str, folder: Path, there: Callable[[Path], Path]) -> str:
    """Return an option, or an option's value, whose path is the other revision's where it is one that exists."""
    name, equals, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
    if value and (folder / value).exists() and there(folder / value).exists():
        return f"{name}{equals}{there(folder / value)}"
    return argument
