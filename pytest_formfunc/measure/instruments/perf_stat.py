"""Count events of this process by Linux's ``perf stat``, and read what it writes.

``perf stat -D -1 --control fifo:CTL,ACK`` counts between ``enable`` and ``disable`` alone (perf-stat(1)), and ``-x``
makes it write a line of fields for each event: value, unit, event, time it was counted for, share of the time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.scratch import folder_of_this_run

_SEPARATOR = ";"
_NOT_SUPPORTED, _NOT_COUNTED = "<not supported>", "<not counted>"
_LIMIT_S = 10.0
NOT_SHOWN = "this processor, or the virtual machine, does not show it"
_RAW_EVENTS = "4"  # PERF_TYPE_RAW: the type of a processor's own counters (perf_event_open(2))
PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")


@dataclass(frozen=True)
class Counted:
    """One event.

    Attributes:
        value: how often it happened, or milliseconds of a clock; None if it was not counted.
        share: share of the time for which it was counted, 1 where no other event took its counter.
        why_not: why it was not counted.
    """

    value: float | None
    share: float = 1.0
    why_not: str = ""


def parse_perf_stat(text: str) -> dict[str, Counted]:
    """Read what ``perf stat -x ';'`` wrote, by event; ``:u`` and the like are left out of names.

    >>> parse_perf_stat("12;;page-faults:u;100;100.00;;")
    {'page-faults': Counted(value=12.0, share=1.0, why_not='')}
    """
    found: dict[str, Counted] = {}
    for line in text.splitlines():
        fields = line.split(_SEPARATOR)
        if line.startswith("#") or len(fields) < 5:
            continue
        value, event = fields[0].strip(), fields[2].partition(":")[0]
        if value == _NOT_SUPPORTED:
            found[event] = Counted(None, 0.0, NOT_SHOWN)
        elif value == _NOT_COUNTED:
            found[event] = Counted(None, 0.0, "it was never scheduled on a counter")
        else:
            with contextlib.suppress(ValueError):
                found[event] = Counted(float(value), float(fields[4] or 100) / 100)
    return found


def has_hardware_counters(devices: Path = Path("/sys/bus/event_source/devices")) -> bool:
    """Return whether the kernel knows counters of the processor; perf would look for each event in vain."""
    for one in devices.glob("*/type"):
        with contextlib.suppress(OSError):
            if one.read_text().strip() == _RAW_EVENTS:
                return True
    return False


def why_refused(stderr: str, paranoid: str) -> str:
    """Return why perf could not count at all, from what it printed and the content of ``perf_event_paranoid``."""
    text = stderr.lower()
    if "permission" in text or "not permitted" in text or "access to performance monitoring" in text:
        if paranoid.strip() in ("-1", "0", "1", "2"):
            return "perf_event_open is not permitted here: a container's seccomp profile refuses it"
        return f"kernel.perf_event_paranoid is {paranoid.strip() or 'unknown'}: it has to be 2 or less"
    if "no such file" in text or "function not implemented" in text:
        return "the kernel has no perf events"
    lines = [line for line in stderr.splitlines() if line.strip() and "vents" not in line]
    return f"perf ended at once ({lines[-1].strip() if lines else 'without a word'})"


@contextlib.contextmanager
def perf_stat(events: Sequence[str]) -> Iterator[dict[str, Counted]]:
    """Count events of this process while the block runs; they are in the dict when it has ended.

    Raises:
        MeasurementError: perf is not installed, or may not count.
    """
    if shutil.which("perf") is None:
        raise MeasurementError("perf is not installed (Debian: linux-perf; Ubuntu: linux-tools-generic)")
    counted: dict[str, Counted] = {}
    with tempfile.TemporaryDirectory(dir=folder_of_this_run()) as folder, contextlib.ExitStack() as opened:
        control, answers, output = (Path(folder, name) for name in ("control", "answers", "output"))
        ends = []
        for fifo in (control, answers):
            os.mkfifo(fifo)
            ends.append(os.open(fifo, os.O_RDWR | os.O_NONBLOCK))
            opened.callback(os.close, ends[-1])
        command = ["perf", "stat", "-x", _SEPARATOR, "-D", "-1", "--control", f"fifo:{control},{answers}",
                   "-e", ",".join(events), "-p", str(os.getpid()), "-o", str(output)]  # fmt: skip
        environment = {**os.environ, "LC_ALL": "C"}  # a comma would end the fields of numbers
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
        )
        try:
            _say(process, ends, "enable")
            yield counted
            _say(process, ends, "disable")
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        counted.update(parse_perf_stat(output.read_text(encoding="utf-8", errors="replace")))


def _say(process: subprocess.Popen[str], ends: Sequence[int], word: str) -> None:
    """Send perf a word and wait until it has answered.

    Raises:
        MeasurementError: it has ended, or does not answer.
    """
    import select

    os.write(ends[0], f"{word}\n".encode())
    for _ in range(int(_LIMIT_S / 0.05)):
        if select.select([ends[1]], [], [], 0.05)[0]:
            os.read(ends[1], 64)
            return
        if process.poll() is not None:
            _, errors = process.communicate()
            paranoid = PARANOID.read_text() if PARANOID.exists() else ""
            raise MeasurementError(why_refused(errors, paranoid))
    raise MeasurementError(f"perf does not answer to {word!r}")
