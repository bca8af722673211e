"""What the command line itself asks for: an ini file's ``addopts``, or code of the tested change, may ask otherwise."""

from __future__ import annotations

import argparse
import os
import shlex
from typing import Any

import pytest

from pytest_formfunc.plugin.xdist.roles import KEY, is_worker

_GIVEN: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
# pytest's options that choose tests, and pytest-benchmark's that make a comparison.
_OTHERS = ("keyword", "markexpr", "benchmark_compare")
_PREFIX = "formfunc_"


def all_given(config: pytest.Config) -> dict[str, Any]:
    """Return what the command line and ``PYTEST_ADDOPTS`` give, by the option's ``dest``: ours, and some others."""
    if _GIVEN not in config.stash:
        config.stash[_GIVEN] = _from_controller(config) if is_worker(config) else _parse(config)
    return config.stash[_GIVEN]


def given(config: pytest.Config, dest: str) -> Any:
    """Return the value that the command line gives an option, or None."""
    return all_given(config).get(dest)


def _from_controller(config: pytest.Config) -> dict[str, Any]:
    return dict(getattr(config, "workerinput", {}).get(KEY, {}).get("given", {}))


def _parse(config: pytest.Config) -> dict[str, Any]:
    added = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    arguments = [*added, *(str(one) for one in config.invocation_params.args)]
    arguments = [one for one in arguments if one not in ("-h", "--help")]  # which end the parsing
    found: argparse.Namespace = config._parser.parse_known_args(arguments, namespace=argparse.Namespace())
    return {
        dest: value
        for dest, value in vars(found).items()
        if (dest.startswith(_PREFIX) or dest in _OTHERS) and value not in (None, "", False)
    }
