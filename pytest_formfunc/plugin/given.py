"""What the command line itself asks for: an ini file's ``addopts``, or code of the tested change, may ask otherwise."""

from __future__ import annotations

import argparse
import os
import shlex
import weakref
from typing import Any

import pytest

from pytest_formfunc.plugin.xdist.roles import KEY, is_worker

_GIVEN: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
# pytest's options that choose tests or end a session before it runs any, and pytest-benchmark's that compare.
_OTHERS = (
    "keyword", "markexpr", "file_or_dir", "collectonly", "version", "help", "showfixtures", "show_fixtures_per_test",
    "markers", "cacheshow", "lf", "stepwise", "benchmark_compare",
)  # fmt: skip
_SEVERAL = ("formfunc_accept", "formfunc_report")  # ours that may be given several times
_PREFIX = "formfunc_"
_OURS = "formfunc"  # in every argument that asks for what this plugin does, or overrides its ini keys
# ``PYTEST_ADDOPTS`` as it was before the project's first conftest.py was imported, by pytest's parser of options.
_ADDED: weakref.WeakKeyDictionary[pytest.Parser, str] = weakref.WeakKeyDictionary()


def note_environment(parser: pytest.Parser) -> None:
    """Note ``PYTEST_ADDOPTS``, which code of the project could change later."""
    _ADDED[parser] = os.environ.get("PYTEST_ADDOPTS", "")


def added_options(config: pytest.Config) -> str:
    """Return ``PYTEST_ADDOPTS`` as the user gave it."""
    return _ADDED.get(config._parser, "")


def all_given(config: pytest.Config) -> dict[str, Any]:
    """Return what the command line and ``PYTEST_ADDOPTS`` give, by the option's ``dest``: ours, and some others."""
    if _GIVEN not in config.stash:
        config.stash[_GIVEN] = _from_controller(config) if is_worker(config) else _parse(config)
    return config.stash[_GIVEN]


def given(config: pytest.Config, dest: str) -> Any:
    """Return the value that the command line gives an option, or None."""
    return all_given(config).get(dest)


def asks_for_strict_comparison(config: pytest.Config) -> bool:
    """Return whether the command line itself asks for a comparison that has to be made."""
    if not is_worker(config) and not any(_OURS in one for one in _arguments(config)):  # as in most runs
        return False
    asked = any(given(config, f"formfunc_{name}") for name in ("against", "against_env", "baseline"))
    return bool(given(config, "formfunc_strict")) and (asked or bool(given(config, "benchmark_compare")))


def _from_controller(config: pytest.Config) -> dict[str, Any]:
    return dict(getattr(config, "workerinput", {}).get(KEY, {}).get("given", {}))


def _arguments(config: pytest.Config) -> list[str]:
    return [*shlex.split(added_options(config)), *(str(one) for one in config.invocation_params.args)]


def _parse(config: pytest.Config) -> dict[str, Any]:
    """Parse the arguments once more, without ``addopts``, and without what options do when they are parsed."""
    parser = argparse.ArgumentParser(
        add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS, fromfile_prefix_chars="@"
    )
    known: Any = config._parser
    for action in (known.optparser if hasattr(known, "optparser") else known._getparser())._actions:
        if not action.option_strings:
            parser.add_argument(action.dest, nargs="*")
        elif action.dest == "override_ini":
            parser.add_argument(*action.option_strings, dest=action.dest, action="append")
        elif action.dest in _SEVERAL:
            parser.add_argument(*action.option_strings, dest=action.dest, action=type(action))
        elif action.nargs == 0:
            constant = True if action.const is None else action.const
            parser.add_argument(*action.option_strings, dest=action.dest, action="store_const", const=constant)
        else:
            parser.add_argument(*action.option_strings, dest=action.dest, nargs=action.nargs, const=action.const)
    found = vars(parser.parse_known_args(_arguments(config))[0])
    for override in found.pop("override_ini", ()):
        name, _, value = override.partition("=")
        if name.startswith(_PREFIX):
            found.setdefault(name, value)
    return {
        dest: value
        for dest, value in found.items()
        if (dest.startswith(_PREFIX) or dest in _OTHERS) and value not in (None, "", False, [])
    }
