"""Instructions, branches and cache misses of a call, counted by valgrind's callgrind without counters of a processor.

It is a simulation, and of other code than is timed: valgrind runs one thread at a time and knows no AVX-512, so that
libraries choose what they have for AVX2. Its caches are modelled (valgrind's manual, "Cachegrind" and "Callgrind").
What it counts does not depend on what else the machine does. It takes minutes where calls are long.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.instruments.base import Instrument, Launches, Seen, Subject
from pytest_formfunc.measure.scratch import folder_of_this_run

MOST_MACS = 300_000_000  # of a call: about a minute
LIMIT_S = 540.0
FEW, MANY = 1, 3  # calls that are counted; of their difference nothing is left of switching on and off
_TOOLS = ("valgrind", "callgrind_control")
# Valgrind's events, by what they are called here.
_EVENTS = {
    "instructions": ("Ir",),
    "branches": ("Bc", "Bi"),
    "mispredicted": ("Bcm", "Bim"),
    "data_accesses": ("Dr", "Dw"),
    "l1_misses": ("D1mr", "D1mw"),
    "llc_misses": ("DLmr", "DLmw"),
}


class Callgrind(Instrument):
    """A process of its own under valgrind, which loads the participant and calls it."""

    once = True
    limit_s = LIMIT_S + 30

    def observe(self, subject: Subject) -> Seen:
        """Return the events of one call."""
        import cloudpickle

        if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
            raise MeasurementError(f"{missing[0]} is not installed (Debian's package is valgrind)")
        if subject.cost["macs"] > MOST_MACS:
            raise MeasurementError(
                f"it has {subject.cost['macs'] / 1e6:.0f} million multiply-accumulates, and valgrind takes minutes for "
                f"more than {MOST_MACS / 1e6:.0f}"
            )
        with tempfile.TemporaryDirectory(dir=folder_of_this_run()) as folder:
            job, out = Path(folder) / "job", Path(folder) / "out"
            job.write_bytes(cloudpickle.dumps(subject.recipe))
            simulated = f"--LL={_power_of_two(subject.llc_bytes)},16,64"
            command = [
                "valgrind", "--tool=callgrind", "--instr-atstart=no", "--cache-sim=yes", "--branch-sim=yes", simulated,
                f"--callgrind-out-file={out}", sys.executable, "-W", "ignore", "-m",
                "pytest_formfunc.measure.instruments.under_callgrind", str(job), str(FEW), str(MANY),
            ]  # fmt: skip
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            try:
                done = subprocess.run(
                    command, capture_output=True, text=True, errors="replace", check=False, env=environment,
                    timeout=LIMIT_S, stdin=subprocess.DEVNULL,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise MeasurementError(f"valgrind took more than {LIMIT_S:.0f} s") from None
            dumps = [Path(f"{out}.{number}") for number in (1, 2)]
            if done.returncode or not all(dump.exists() for dump in dumps):
                last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
                raise MeasurementError(f"valgrind failed ({last[0].strip() if last else 'without a word'})")
            few, many = (parse_totals(dump.read_text(errors="replace")) for dump in dumps)
        calls = (MANY - FEW) * subject.batches
        return {"events": {name: (many[name] - few[name]) / calls for name in few}, "cache": simulated}

    def sum_up(self, launches: Launches) -> dict[str, Any]:
        """Return the events for a call, under the names of this file."""
        events = launches.own[0]["events"]
        counted = {
            name: max(0.0, sum(events[one] for one in parts))  # rare ones may be fewer in more calls
            for name, parts in _EVENTS.items()
            if all(one in events for one in parts)
        }
        return {
            "source": "callgrind: a simulation of one thread that runs AVX2 code at most, with modelled caches; "
            "other code than is timed",
            "per_call": counted,
        }


def parse_totals(text: str) -> dict[str, int]:
    """Read the totals of a callgrind dump, by event.

    >>> parse_totals("events: Ir Dr\\nfn=(1) main\\n5 1 2\\ntotals: 30 4\\n")
    {'Ir': 30, 'Dr': 4}
    """
    lines = dict(line.split(":", 1) for line in text.splitlines() if line.startswith(("events:", "totals:")))
    names, values = lines.get("events", "").split(), lines.get("totals", "").split()
    if not names or not values:
        raise MeasurementError("valgrind wrote no totals")
    counts = [int(value) for value in values] + [0] * (len(names) - len(values))
    return dict(zip(names, counts, strict=False))


def _power_of_two(size: int) -> int:
    """Return the greatest power of two that is no more than a size, which is all that callgrind takes; or 32 MiB."""
    return 1 << (size.bit_length() - 1) if size else 32 << 20
