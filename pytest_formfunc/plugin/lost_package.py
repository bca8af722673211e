"""Where another environment's packages were faster: search which of them, when everything is measured and saved."""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.option_specs import OPTIONS
from pytest_formfunc.plugin.given import added_options, given
from pytest_formfunc.plugin.measured_test import name_to_paste
from pytest_formfunc.plugin.selection import with_files
from pytest_formfunc.revisions.search_mode import is_search_step, searched_tests
from pytest_formfunc.text import log_line

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session
    from pytest_formfunc.revisions.package_bisect import Loss

# A step has these of its own, or does without: they name files and other runs, or observe beside timing.
_NOT_FOR_STEPS = frozenset(
    ("accept", "advise", "against", "against_env", "baseline", "callgrind", "cores", "durations", "journal", "quiet",
     "report", "resume", "shard", "strict", "trained", "waterfall", "why")
)  # fmt: skip


def keep_searched(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep those tests that a step of a search is about."""
    wanted = searched_tests()
    if wanted is None:
        return
    kept = [item for item in items if name_to_paste(item) in wanted]
    if left_out := [item for item in items if item not in kept]:
        items[:] = kept
        config.hook.pytest_deselected(items=left_out)


def search_lost_package(session: Session, exitstatus: int) -> None:
    """Search which package lost the speedups that were lost against another environment; note it in the results.

    It changes no verdict and no exit code, and Ctrl-C ends it alone. What was measured is saved already.
    """
    results, config = session.results, session.config
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or results is None or is_search_step():
        return
    settings = session.settings
    if session.worker is not None or not settings.against_env or settings.shard is not None or settings.slow_down:
        return  # parts are judged by who merges them, and a planted loss is no package's
    losses = _losses(session)
    if not losses:
        return
    from pytest_formfunc.measure.scratch import OwnFolder
    from pytest_formfunc.revisions.package_bisect import Upgrade, find_packages

    folder = config.invocation_params.dir
    aside = OwnFolder()
    session.heed_signals_again()
    try:
        upgrade = Upgrade(
            environment=str(folder / settings.against_env),
            revision=settings.against,
            arguments=tuple(_arguments(config, str(aside.path))),
            folder=folder,
            root=config.rootpath,
            added=shlex.join(_without_left_out(shlex.split(added_options(config)))),
        )
        results.causes += find_packages(upgrade, losses, _teller(config, quiet=settings.quiet)).sentences
    except (FormfuncError, OSError) as error:
        results.causes.append(f"which package lost it was not searched: {error}")
    except KeyboardInterrupt:  # before it began, or while it cleans up
        results.causes.append("which package lost it was not searched: that was interrupted")
    finally:
        session.ignore_signals()
        aside.close()


def _losses(session: Session) -> list[Loss]:
    from pytest_formfunc.revisions.package_bisect import Loss

    results, found = session.results, []
    for key, record in results.records.items() if results is not None else ():
        verdict, test = record.verdict, results.tests.get(key, "") if results is not None else ""
        if verdict is not None and verdict.status == "regressed" and test:
            found.append(Loss(key, test, verdict.change.high if verdict.change else 0.0))
    return found


def _arguments(config: pytest.Config, aside: str) -> list[str]:
    """Return the arguments of this run for a step: the same tests and effort, and its files in a folder of their own.

    Args:
        config: of this run.
        aside: a folder for what ini files have every run write.
    """
    arguments = with_files([str(one) for one in config.invocation_params.args], config.invocation_params.dir)
    found = _without_left_out(arguments)
    for spec in OPTIONS:
        value = given(config, f"formfunc_{spec.key}")
        if spec.key not in _NOT_FOR_STEPS and value is not None:
            found.append(f"--formfunc-{spec.name}" + (f"={value}" if spec.metavar else ""))
    if config.pluginmanager.has_plugin("benchmark"):
        found.append(f"--benchmark-storage={aside}")
    if config.pluginmanager.has_plugin("xdist"):
        found += ["-n", "0"]
    if config.getoption("xmlpath", None):
        found.append(f"--junitxml={aside}/junit.xml")
    if config.inipath is not None:
        found += ["-c", str(config.inipath)]
    return [*found, f"--rootdir={config.rootpath}", "--maxfail=0", "--color=no"]


def _without_left_out(arguments: list[str]) -> list[str]:
    from pytest_formfunc.revisions.capture import without_left_out

    return without_left_out(arguments)


def _teller(config: pytest.Config, *, quiet: bool) -> Any:
    """Return what shows a line of progress."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")

    def say(line: str) -> None:
        if reporter is not None and not quiet:
            with contextlib.suppress(OSError):
                if config.get_terminal_writer().width_of_current_line:  # behind the dots of tests
                    reporter.write_line("")
                reporter.write_line(log_line(line))
                reporter.flush()

    return say
