"""A test that fails with one sentence, or passes if there is none."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest


class Sentence(pytest.Item):
    """A test that reports a problem of the whole run, so that JUnit has it too; it is looked for when the test runs."""

    def __init__(self, *, find: Callable[[], str], **kwargs: Any) -> None:
        """Take a function that returns the sentence, or an empty string if there is no problem."""
        super().__init__(**kwargs)
        self.find = find

    def runtest(self) -> None:
        """Fail with the sentence, if there is one."""
        sentence = self.find()
        if sentence:
            pytest.fail(sentence, pytrace=False)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return a location without a line, because the test has no source code."""
        return self.path, None, self.name
