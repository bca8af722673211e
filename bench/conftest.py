"""`pytest bench/` is the matrix. The benches behind our own figures take long and run where they are named.

After the report of a run in this folder, what the study of forms claims is set beside what was found.
"""

from pathlib import Path

import pytest

SUITE = {"test_forms.py"}
collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name not in SUITE]

RECORDS = pytest.StashKey[list]()


def pytest_configure(config):
    config.stash[RECORDS] = []


def pytest_formfunc_record(config, record):
    config.stash[RECORDS].append(record)


# Before the plugin's own summary runs in its trylast, this one waits for it: the claims come after the report.
@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter, config):
    yield
    from study import claims

    for line in claims(config.stash[RECORDS]):
        terminalreporter.write_line(line)
