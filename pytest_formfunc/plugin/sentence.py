"""A test that fails with one sentence, if there is one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest


class Sentence(pytest.Item):
    """Stands for what a strict run must not pass over in silence: found when it runs, red in JUnit too."""

    def __init__(self, *, find: Callable[[], str], **kwargs: Any) -> None:
        """Take a function that returns the sentence, or nothing."""
        super().__init__(**kwargs)
        self.find = find

    def runtest(self) -> None:
        """Fail where a sentence is found."""
        sentence = self.find()
        if sentence:
            pytest.fail(sentence, pytrace=False)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return where this stands: nowhere in particular."""
        return self.path, None, self.name
