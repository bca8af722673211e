"""Everything that touches pytest-benchmark: playing a measured series into its fixture, finding its files.

What is not its public interface is used here and nowhere else: `load_storage` and `get_machine_id` of its
``utils``, to find the files that ``--benchmark-compare`` will read, before it reads them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import BadInput


class SeriesClock:
    """A timer that advances by latencies that were measured elsewhere.

    pytest-benchmark times one callable a test. Here the call was timed in another process, so its fixture is
    given this clock (its marker's public ``timer=``) and a callable that only moves it.
    """

    __name__ = "formfunc_clock"  # what pytest-benchmark writes into its JSON as the timer

    def __init__(self) -> None:
        """Start at 0 s."""
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now

    def play(self, benchmark: Any, seconds: Sequence[float]) -> None:
        """Make the ``benchmark`` fixture see one round for each figure, exactly."""
        left = iter(seconds)

        def rewind() -> None:
            self.now = 0.0  # a difference from 0 loses no digits

        def step() -> None:
            self.now = next(left, seconds[-1])  # --benchmark-cprofile calls once more

        benchmark.pedantic(step, setup=rewind, rounds=len(seconds))


class _Quiet:
    """A logger for a storage that is only asked which files there are."""

    def warning(self, *_: object, **__: object) -> None:
        """Drop it: the run's own storage will say it."""

    info = debug = error = warning


def compared_files(storage: str, compare: str | bool, netrc: str | None) -> list[Path]:
    """Return the files that ``--benchmark-compare`` refers to, oldest first.

    Args:
        storage: ``--benchmark-storage``.
        compare: its value: True for the newest run, else a number, a glob or a file.
        netrc: ``--benchmark-netrc``.

    Raises:
        BadInput: a storage that is no folder, or a glob that it does not accept.
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
    """Refuse baselines on which pytest-benchmark would end in a traceback, before it reads them.

    Files that it only warns of are left to it: a run without measuring tests must behave as without us.

    Raises:
        BadInput: a file without the parts that pytest-benchmark takes for granted.
    """
    compare = option("benchmark_compare")
    if not compare or str(option("benchmark_storage")).startswith("elasticsearch+"):
        return
    for path in compared_files(option("benchmark_storage"), compare, option("benchmark_netrc")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            loads = all(entry["stats"]["mean"] or True for entry in document["benchmarks"])
        except Exception:  # noqa: BLE001 - pytest-benchmark catches just as much, and warns
            continue
        named = all("fullname" in entry for entry in document["benchmarks"])
        if loads and not (named and "machine_info" in document):
            raise BadInput(
                f"baseline {path} is damaged: it lacks what pytest-benchmark writes; remove it or name another run"
            )
