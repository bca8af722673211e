"""A test that fails with one sentence, or passes if there is none."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from pytest_formfunc.text import log_line

_SCOPES = re.compile(r"ScopeMismatch: .*function scoped fixture (_?formfunc\w*) with a (\w+) scoped request")


def explain_scope(text: str) -> str:
    """Return a sentence for pytest's error that a fixture of wider scope asks for one of ours; else nothing."""
    found = _SCOPES.search(text)
    if found is None:
        return ""
    return (
        f"{found[1]} belongs to one test, and a fixture of {found[2]} scope asks for it: let the test ask for it, or "
        "give the fixture the scope of a function; a fixture that makes the model may have any scope"
    )


class Sentence(pytest.Item):
    """A test that reports a problem of the whole run, so that JUnit has it too; it is looked for when the test runs."""

    def __init__(self, *, find: Callable[[], str], **kwargs: Any) -> None:
        """Take a function that returns the sentence, or an empty string if there is no problem."""
        super().__init__(**kwargs)
        self.find = find

    @property
    def function(self) -> Callable[[], None]:
        """Return what runs: code of a project expects one of every item, often for its docstring."""
        return self.runtest

    obj = function

    def runtest(self) -> None:
        """Fail with the sentence, if there is one."""
        sentence = self.find()
        if sentence:
            pytest.fail(log_line(sentence), pytrace=False)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return a location without a line, because the test has no source code."""
        return self.path, None, self.name


def report_failed(config: pytest.Config, name: str, sentence: str) -> None:
    """Report a test that failed with a sentence, in all places in which a test is reported."""
    location = (name, None, name)
    config.hook.pytest_runtest_logstart(nodeid=name, location=location)
    for when, outcome in (("setup", "passed"), ("call", "failed"), ("teardown", "passed")):
        report = pytest.TestReport(
            nodeid=name,
            location=location,
            keywords={},
            outcome=outcome,  # type: ignore[arg-type]
            longrepr=log_line(sentence) if outcome == "failed" else None,
            when=when,  # type: ignore[arg-type]
        )
        config.hook.pytest_runtest_logreport(report=report)
    config.hook.pytest_runtest_logfinish(nodeid=name, location=location)
