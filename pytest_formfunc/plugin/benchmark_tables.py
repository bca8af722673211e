"""pytest-benchmark's tables, which our report has the rows of: shown for tests of others, or to who asks for them."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from pytest_formfunc.plugin.given import added_options

NOTE = "pytest-benchmark's tables of these rows are left out: --benchmark-verbose shows them"
# What says how a table should look asks for one.
_ASK = (
    "--benchmark-verbose", "--benchmark-columns", "--benchmark-sort", "--benchmark-group-by", "--benchmark-name",
    "--benchmark-histogram", "--benchmark-cprofile",
)  # fmt: skip


def leave_out_ours(config: pytest.Config) -> str:
    """Keep pytest-benchmark from showing rows that our report shows, after it has saved and compared them.

    Returns:
        A sentence that says so, or nothing where it shows all that it would show.
    """
    session: Any = getattr(config, "_benchmarksession", None)
    groups = getattr(session, "groups", None)
    if not groups or session.quiet or _is_asked_for(config):
        return ""
    others = [(name, rows) for name, rows in groups if not all("formfunc" in row["extra_info"] for row in rows)]
    if len(others) == len(groups):
        return ""
    if others:
        session.groups = others
    else:  # no group at all would leave out its own comparison, --benchmark-compare-fail
        session.quiet = True
    return NOTE


def _is_asked_for(config: pytest.Config) -> bool:
    arguments = [*config.getini("addopts"), *shlex.split(added_options(config)), *config.invocation_params.args]
    return any(str(one).startswith(_ASK) for one in arguments)
