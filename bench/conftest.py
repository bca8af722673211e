"""`pytest bench/` is the matrix. The benches behind our own figures take long and run where they are named.

After the report of a run in this folder, what the study of forms claims is set beside what was found, and each
pattern's speedup by default is divided into what the form gains and what memory management adds.
"""

import os
from pathlib import Path

import pytest

from pytest_formfunc.plugin.suite import claims

SUITE = {"test_forms.py"}
collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name not in SUITE]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return where a study leaves its journals: FORMFUNC_FOLDER, or a folder that is new."""
    given = os.environ.get("FORMFUNC_FOLDER")
    found = Path(given).absolute() if given else tmp_path_factory.mktemp("study")
    found.mkdir(parents=True, exist_ok=True)
    return found


def pytest_configure(config):
    from choices import check_choices

    check_choices()
    config.pluginmanager.register(claims, "formfunc-claims")
