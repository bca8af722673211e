"""Select the tests of another revision that correspond to this run's: the same command line, with paths moved there."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_formfunc.option_specs import OPTIONS
from pytest_formfunc.plugin.given import added_options, given

if TYPE_CHECKING:
    from pytest_formfunc.revisions.capture import Selection

# Options that are passed on to another revision's tests: those on what they measure, and on what fails them.
_PASSED_ON = (
    "patterns", "depths", "widths", "backends", "native", "architectures", "model", "input", "seed", "threshold",
    "fail_on",
)  # fmt: skip


def select_there(config: pytest.Config, there: Callable[[Path], Path]) -> Selection:
    """Return how to collect the tests of another revision that correspond to those of this run.

    The options of the user's own conftest.py are passed on, because a model may be built from them. If single tests
    were named, their files are collected.

    Args:
        config: pytest's configuration in this run.
        there: returns the other revision's counterpart of a path in the user's tree.
    """
    from pytest_formfunc.revisions.capture import Selection, without_left_out

    folder = config.invocation_params.dir
    named = [str(one) for one in given(config, "file_or_dir") or ()]
    arguments = with_files([str(argument) for argument in config.invocation_params.args], folder)
    # Only what the command line itself asks for: each revision has the ``addopts`` of its own ini file.
    chosen = {"-k": given(config, "keyword"), "-m": given(config, "markexpr")}
    options = [one for one in without_left_out(arguments) if one not in named]
    moved = [_moved(one, folder, there) for one in options]
    for spec in OPTIONS:
        value = given(config, f"formfunc_{spec.key}")
        if spec.key in _PASSED_ON and value is not None:
            moved.append(f"--formfunc-{spec.name}={value}")
    if config.pluginmanager.has_plugin("benchmark"):
        moved.append("--benchmark-disable")
    if config.pluginmanager.has_plugin("xdist"):
        moved += ["-n", "0"]
    moved += [part for name in ("-k", "-m") if (value := chosen[name]) for part in (name, str(value))]
    moved += ["-q", "--color=no", "--continue-on-collection-errors", "--maxfail=0"]
    if config.option.pyargs:
        present = named  # names of packages, or paths
    else:
        paths = dict.fromkeys(there(folder / one.partition("::")[0]) for one in named)
        present = [str(path) for path in paths if path.exists()]
    moved += ["--rootdir", str(there(config.rootpath))]
    partial = any(given(config, dest) for dest in ("lf", "stepwise"))
    added = shlex.join(without_left_out(shlex.split(added_options(config))))
    return Selection((*moved, *present), bool(present or not named), _single(config, named), partial, added)


def with_files(arguments: Sequence[str], folder: Path) -> list[str]:
    """Return arguments in which ``@FILE`` is replaced by the lines of that file, as pytest reads them."""
    found: list[str] = []
    for one in arguments:
        if one.startswith("@") and (folder / one[1:]).is_file():
            found += with_files((folder / one[1:]).read_text(encoding="utf-8").splitlines(), folder)
        else:
            found.append(one)
    return found


def _single(config: pytest.Config, named: Sequence[str]) -> tuple[str, ...]:
    """Return the starts of the ids of what was named, if single tests were."""
    if not any("::" in one for one in named):
        return ()
    starts = []
    for one in named:
        path, colons, rest = one.partition("::")
        starts.append(os.path.relpath(config.invocation_params.dir / path, config.rootpath) + colons + rest)
    return tuple(starts)


def _moved(argument: str, folder: Path, there: Callable[[Path], Path]) -> str:
    """Return an argument in which a path that exists on both sides is replaced by its counterpart there."""
    name, equals, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
    if value and (folder / value).exists() and there(folder / value).exists():
        return f"{name}{equals}{there(folder / value)}"
    return argument
