"""The options, ini keys and the marker, as pytest sees them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.errors import BadInput
from pytest_formfunc.option_specs import OPTIONS

if TYPE_CHECKING:
    from pytest_formfunc.settings import Settings

_FLAGS = ("strict",)


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
        raw[spec.key] = str(value)
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false", "no")
    try:
        return read_settings(raw, root=config.rootpath, in_ci=in_ci)
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
_PASSED_ON = ("patterns", "depths", "widths", "backends", "architectures", "model", "input", "seed")


def for_another_revision(config: pytest.Config) -> list[str]:
    """Return the options with which another revision's tests are to be collected as these were."""
    options = ["-q", "-p", "no:cacheprovider", "--color=no"]
    for spec in OPTIONS:
        value = config.getoption(f"formfunc_{spec.key}")
        if spec.key in _PASSED_ON and value is not None:
            options.append(f"--formfunc-{spec.name}={value}")
    if config.option.keyword:
        options += ["-k", config.option.keyword]
    if config.option.markexpr:
        options += ["-m", config.option.markexpr]
    if config.pluginmanager.has_plugin("benchmark"):
        options.append("--benchmark-disable")
    if config.pluginmanager.has_plugin("xdist"):
        options += ["-n", "0"]
    return options
