"""Connect to pytest-benchmark: replay measured latencies through its fixture, and find its files.

Only this module uses parts of pytest-benchmark that are not public: `load_storage` and `get_machine_id` of its
``utils``, which find the files that ``--benchmark-compare`` will read before it reads them; and under xdist, where it
switches itself off, its session and its fixture's class.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.plugin.xdist.roles import is_worker

if TYPE_CHECKING:
    import pytest

    from pytest_formfunc.plugin.xdist.messages import Benchmarked
    from pytest_formfunc.records import Record


class SeriesClock:
    """A timer that advances by latencies that were measured elsewhere.

    pytest-benchmark times one callable in each test. Here the calls were timed in other processes, so its fixture gets
    this clock (by the public ``timer=`` of its marker) and a callable that only advances it.

    Attributes:
        now: the time in seconds.
    """

    __name__ = "formfunc_clock"  # the name of the timer in pytest-benchmark's JSON

    def __init__(self) -> None:
        """Start at 0 s."""
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now

    def play(self, benchmark: Any, seconds: Sequence[float]) -> None:
        """Make the ``benchmark`` fixture measure one round for each value, of exactly that duration in seconds."""
        left = iter(seconds)

        def rewind() -> None:
            self.now = 0.0  # a difference from 0 is exact

        def step() -> None:
            self.now = next(left, seconds[-1])  # --benchmark-cprofile makes one more call

        benchmark.pedantic(step, setup=rewind, rounds=len(seconds))


def is_switched_off(config: pytest.Config, benchmark: Any) -> bool:
    """Return whether the user switched benchmarks off, so that tests only check parity.

    pytest-benchmark also switches itself off in xdist workers, where the controller has its table.

    Args:
        config: pytest's configuration.
        benchmark: the ``benchmark`` fixture, or None if pytest-benchmark is not active.
    """
    if benchmark is None:
        return False
    if is_worker(config):
        return bool(config.getoption("benchmark_disable") and not config.getoption("benchmark_enable"))
    return not benchmark.enabled


def replay(config: pytest.Config, test: str, bench: Benchmarked, record: Record) -> None:
    """Give pytest-benchmark, in the controller of xdist workers, the row of a test that a worker has run.

    Args:
        config: pytest's configuration.
        test: id of the test.
        bench: what the test's row needs beside its latencies.
        record: the record of the test.
    """
    from pytest_benchmark.fixture import BenchmarkFixture
    from pytest_benchmark.utils import NameWrapper

    session = getattr(config, "_benchmarksession", None)
    if session is None:
        return
    clock, node = SeriesClock(), SimpleNamespace(name=bench.name, nodeid=test)
    if bench.param is not None:
        node.callspec = SimpleNamespace(id=bench.param, params=bench.params)
    given = {**session.options, "timer": NameWrapper(clock), "group": bench.group}
    fixture = BenchmarkFixture(
        node, add_stats=session.benchmarks.append, logger=session.logger, warner=_drop, disabled=False, **given
    )
    fixture.extra_info |= {**bench.extra_info, "formfunc": record.to_json()}
    clock.play(fixture, [value for launch in record.samples.median for value in launch])


def drop_xdist_warning(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Keep pytest-benchmark from saying that xdist switches all benchmarks off, where every one is a test of ours."""
    session = getattr(config, "_benchmarksession", None)
    timed = [item for item in items if "benchmark" in getattr(item, "fixturenames", ())]
    if session is not None and all("formfunc" in getattr(item, "fixturenames", ()) for item in timed):
        session.xdist_benchmark_found = False


def _drop(*_: object, **__: object) -> None:
    """Drop a warning of pytest-benchmark's, which belongs to no test here."""


class _Quiet:
    """A logger, which drops all messages, for a storage that only lists its files."""

    def warning(self, *_: object, **__: object) -> None:
        """Drop the message, which the storage of the run itself will log."""

    info = debug = error = warning


def compared_files(storage: str, compare: str | bool, netrc: str | None) -> list[Path]:
    """Return the files that ``--benchmark-compare`` refers to, oldest first.

    Args:
        storage: ``--benchmark-storage``.
        compare: its value: True for the newest run, else a number, a glob or a file.
        netrc: ``--benchmark-netrc``.

    Raises:
        BadInput: the storage is not a folder, or does not accept the glob.
    """
    from pytest_benchmark.utils import get_machine_id, load_storage

    if storage.startswith("elasticsearch+"):
        raise BadInput(
            "formfunc cannot compare with an Elasticsearch storage, which drops its records: "
            "use --benchmark-storage with a folder"
        )
    found = load_storage(storage, logger=_Quiet(), default_machine_id=get_machine_id(), netrc=netrc)
    try:
        files = found.query("[0-9][0-9][0-9][0-9]_" if compare is True else compare)
    except ValueError as error:
        raise BadInput(f"--benchmark-compare: {error}") from None
    return list(files[-1:] if compare is True else files)


def choose_newest(config: pytest.Config) -> list[str]:
    """Make ``--benchmark-compare`` without a value take the newest saved run that may be a baseline by itself.

    Where newer ones may not, the option is given that run's file, or nothing if there is none, before pytest-benchmark
    reads it; so its table and our comparison are with the same run.

    Returns:
        A sentence for each newer one, which says why it may not.
    """
    if config.getoption("benchmark_compare") is not True:
        return []
    from pytest_formfunc.fitness import why_unfit

    skipped: list[str] = []
    chosen: str | None = None
    storage, netrc = config.getoption("benchmark_storage"), config.getoption("benchmark_netrc")
    if str(storage).startswith("elasticsearch+"):
        return []
    for path in reversed(compared_files(storage, "[0-9][0-9][0-9][0-9]_", netrc)):
        reason = why_unfit(path)
        if reason is None:
            chosen = str(path)
            break
        skipped.append(f"saved run {path.stem} is not the baseline, because it {reason}: name it to compare with it")
    if skipped:
        config.option.benchmark_compare = chosen
    return skipped


def check_before_benchmark(option: Callable[[str], Any]) -> None:
    """Refuse baselines that would make pytest-benchmark end with a traceback, before it reads them.

    Files that it only warns about are not refused here, because a run without tests that measure must behave as if this
    plugin was not installed.

    Args:
        option: returns the value of one of pytest's options, by name.

    Raises:
        BadInput: a file lacks parts that pytest-benchmark expects.
    """
    compare = option("benchmark_compare")
    if not compare or str(option("benchmark_storage")).startswith("elasticsearch+"):
        return
    for path in compared_files(option("benchmark_storage"), compare, option("benchmark_netrc")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            loads = all(entry["stats"]["mean"] or True for entry in document["benchmarks"])
        except Exception:  # noqa: BLE001 - pytest-benchmark catches all of these and warns
            continue
        named = all("fullname" in entry for entry in document["benchmarks"])
        if loads and not (named and "machine_info" in document):
            raise BadInput(
                f"baseline {path} is damaged: it lacks what pytest-benchmark writes; remove it or name another run"
            )
