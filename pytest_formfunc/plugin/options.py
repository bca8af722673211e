"""Declare and read the options, the ini keys and the marker."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.errors import BadInput
from pytest_formfunc.option_specs import OPTIONS
from pytest_formfunc.plugin.given import given
from pytest_formfunc.revisions.capture_mode import capture_folder
from pytest_formfunc.text import log_line

if TYPE_CHECKING:
    from pytest_formfunc.marker import Marker
    from pytest_formfunc.settings import Settings

# What the tested change cannot give to itself: its own pardon, a planted loss of native, or only a part of the run.
_NOT_BY_ADDOPTS = ("accept", "plant", "shard")
_FLAGS = ("strict", "pretrained", "resume", "why", "callgrind", "trained", "waterfall", "quiet")
MARKER_HELP = (
    "formfunc(architectures=[...], backends=[...], threshold='10%', min_speedup=2.0, max_latency='5ms', "
    "fail_on=['loss']): settings of a test that measures with the formfunc fixture"
)


class _AddNames(argparse.Action):
    """Add names to those of the same option before."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        """Join them by a comma."""
        before = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, f"{before},{values}" if before else values)


class _AddLine(argparse.Action):
    """Add a path to those of the same option before: it may have any character but the end of a line."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        """Join them by the end of a line."""
        before = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, f"{before}\n{values}" if before else values)


_ACTIONS = {"accept": _AddNames, "report": _AddLine}


class _Default(str):
    """The value of an ini key that the file does not have."""

    __slots__ = ()


def add_options(parser: pytest.Parser) -> None:
    """Declare every option for the command line and, where it makes sense, for ini files."""
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
                f"--formfunc-{spec.name}",
                metavar=spec.metavar,
                dest=f"formfunc_{spec.key}",
                action=_ACTIONS.get(spec.key),
                help=(spec.help + default).replace("%", "%%"),
            )
        if spec.ini:
            parser.addini(f"formfunc_{spec.key}", help=spec.help + default, default=_Default(spec.default))
    group.addoption(
        "--formfunc-list",
        action="store_true",
        help="list patterns, architectures, backends (available or why not) and this machine's fingerprint, and exit",
    )


def settings_from(config: pytest.Config) -> Settings:
    """Return the settings, each from the command line, else from the ini file, else the default.

    What the command line itself gives cannot be changed by an ini file's ``addopts`` or by code of the project.

    Raises:
        pytest.UsageError: a value is invalid; the message is one sentence about the first one.
    """
    from pytest_formfunc.settings import read_settings

    raw = {}
    for spec in OPTIONS:
        value = given(config, f"formfunc_{spec.key}")
        if value is None and spec.key not in _NOT_BY_ADDOPTS:
            value = config.getoption(f"formfunc_{spec.key}")
        if value is None:
            value = config.getini(f"formfunc_{spec.key}") if spec.ini else spec.default
        elif not str(value).strip():  # from an unset shell variable, perhaps: silently nothing would be compared
            raise pytest.UsageError(f"formfunc: --formfunc-{spec.name} is empty: give it a value or leave it out")
        raw[spec.key] = str(value).strip()
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false", "no")
    try:
        return read_settings(raw, root=config.rootpath, in_ci=in_ci, lenient=capture_folder() is not None)
    except BadInput as error:
        raise pytest.UsageError(log_line(f"formfunc: {error}")) from None


def ini_settings(config: pytest.Config) -> Settings:
    """Return the settings as the ini file has them, without what the command line gives.

    Raises:
        pytest.UsageError: a value is invalid.
    """
    from pytest_formfunc.settings import read_settings

    raw = {spec.key: str(config.getini(f"formfunc_{spec.key}")) if spec.ini else spec.default for spec in OPTIONS}
    try:
        return read_settings(raw, root=config.rootpath, in_ci=False, lenient=True)
    except BadInput as error:
        raise pytest.UsageError(log_line(f"formfunc: {error}")) from None


def read_markers(item: pytest.Item) -> Marker:
    """Merge an item's ``formfunc`` markers; the closest one has precedence.

    Raises:
        pytest.UsageError: the marker does not take an argument, or a value is invalid.
    """
    from pytest_formfunc.marker import Marker, read_marker

    merged = Marker()
    for mark in item.iter_markers("formfunc"):
        try:
            merged = merged.over(read_marker(mark.args, mark.kwargs))
        except BadInput as error:
            raise pytest.UsageError(log_line(f"formfunc: the marker of {item.nodeid}: {error}")) from None
    return merged


def is_given(config: pytest.Config, key: str) -> bool:
    """Return whether an option has a value on the command line or in the ini file."""
    return config.getoption(f"formfunc_{key}") is not None or not isinstance(config.getini(f"formfunc_{key}"), _Default)


def any_given(config: pytest.Config) -> bool:
    """Return whether the command line has any formfunc option; ini files are checked when a test measures."""
    return any(config.getoption(f"formfunc_{spec.key}") is not None for spec in OPTIONS)
