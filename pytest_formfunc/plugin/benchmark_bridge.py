"""Connect to pytest-benchmark: replay measured latencies through its fixture, and find its files.

Only this module uses parts of pytest-benchmark that are not public: `load_storage` and `get_machine_id` of its
``utils``, which find the files that ``--benchmark-compare`` will read before it reads them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import BadInput


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
