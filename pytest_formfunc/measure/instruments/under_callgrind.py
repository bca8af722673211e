"""What runs under valgrind: load a participant on one thread, call it, and have callgrind dump what it counted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

WARM_UP = 2


def main(job: str, *counts: str) -> None:
    """Count so many calls, once for each count; each leaves a dump of its own.

    Args:
        job: file of the pickled recipe: ``engine``, ``source``, ``artifact``, ``half`` and ``seed``.
        counts: numbers of calls.
    """
    import pickle

    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # it starts a thread

    from pytest_formfunc.measure.observe_job import load_participant

    engine, _ = load_participant(**pickle.loads(Path(job).read_bytes()), threads=1)
    for _ in range(WARM_UP):
        engine.call()
    for count in counts:
        _control("--instr=on")
        _control("--zero")
        for _ in range(int(count)):
            engine.call()
        _control("--dump")
        _control("--instr=off")


def _control(option: str) -> None:
    """Tell callgrind; valgrind listens only while this process executes something."""
    with subprocess.Popen(
        ["callgrind_control", option, str(os.getpid())], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            time.sleep(0.005)
            for _ in range(200):
                pass


if __name__ == "__main__":
    main(*sys.argv[1:])
