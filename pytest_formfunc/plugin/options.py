"""The options, ini keys and the marker, as pytest sees them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.errors import BadInput
from pytest_formfunc.option_specs import OPTIONS
from pytest_formfunc.revisions.capture_mode import capture_folder

if TYPE_CHECKING:
    from pytest_formfunc.revisions.capture import Selection
    from pytest_formfunc.settings import Settings

_FLAGS = ("strict", "pretrained")


def add_options(parser: pytest.Parser) -> None:
    """Declare every option on the command line and, where it makes sense, in ini files."""
    group = parser.getgroup("formfunc", "formfunc: speedup of network forms by hardware-specific engines")
    for spec in OPTIONS:
        default = f" (default {spec.default})" if spec.default else ""
        if spec.name in _FLAGS:
            group.addoption(
                f"--formfunc-{spec.name}", action="store_const", const="true", dest=f"formfunc_{spec.key}",
                help=spec.help,
            )  # fmt: skip
        else:
            group.addoption(
                f"--formfunc-{spec.name}", metavar=spec.metavar, dest=f"formfunc_{spec.key}",
                help=(spec.help + default).replace("%", "%%"),
            )  # fmt: skip
        if spec.ini:
            parser.addini(f"formfunc_{spec.key}", help=spec.help + default, default=spec.default)
    group.addoption(
        "--formfunc-list",
        action="store_true",
        help="list patterns, architectures, backends (available or why not) and this machine's fingerprint, and exit",
    )


def settings_from(config: pytest.Config) -> Settings:
    """Read the settings: command line before ini file before default.

    Raises:
        pytest.UsageError: one sentence about the first value that cannot be.
    """
    from pytest_formfunc.settings import read_settings

    raw = {}
    for spec in OPTIONS:
        value = config.getoption(f"formfunc_{spec.key}")
        if value is None:
            value = config.getini(f"formfunc_{spec.key}") if spec.ini else spec.default
        elif not str(value).strip():  # as from a variable that is not set: nothing would be compared, in silence
            raise pytest.UsageError(f"formfunc: --formfunc-{spec.name} is empty: give it a value or leave it out")
        raw[spec.key] = str(value).strip()
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false", "no")
    try:
        return read_settings(raw, root=config.rootpath, in_ci=in_ci, lenient=capture_folder() is not None)
    except BadInput as error:
        raise pytest.UsageError(f"formfunc: {error}") from None


def marker_options(item: pytest.Item) -> dict[str, Any]:
    """Merge an item's ``formfunc`` markers, the closest one first.

    Raises:
        pytest.UsageError: an argument that the marker does not take, or a value that cannot be.
    """
    from pytest_formfunc.settings import check_marker

    merged: dict[str, Any] = {}
    for marker in item.iter_markers("formfunc"):
        try:
            checked = check_marker(marker.args, marker.kwargs)
        except BadInput as error:
            raise pytest.UsageError(f"formfunc: the marker of {item.nodeid}: {error}") from None
        merged = {**checked, **merged}
    return merged


def any_given(config: pytest.Config) -> bool:
    """Return whether the command line has any of our options; ini files are checked when a test measures."""
    return any(config.getoption(f"formfunc_{spec.key}") is not None for spec in OPTIONS)


# What a run passes on to another revision's tests: what they measure, not how it is judged or reported.
_PASSED_ON = ("patterns", "depths", "widths", "backends", "native", "architectures", "model", "input", "seed")


def for_another_revision(config: pytest.Config, there: Callable[[Path], Path]) -> Selection:
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
