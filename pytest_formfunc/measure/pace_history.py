"""The best pace of a machine in its last runs, kept in a file beside the artifacts."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

FILE = "pace.json"
# Runs that count. A machine may have become slower for good, by a setting of its host: it is measured again after that
# many runs, or when the file is removed.
RUNS = 8


class PaceHistory:
    """Reads and adds the best pace of runs with the same machine, libraries and number of threads."""

    def __init__(self, folder: Path, key: str) -> None:
        """Take where the file is, and what a pace belongs to.

        Args:
            folder: folder of the artifacts.
            key: names the machine, the libraries and the number of threads.
        """
        self.file = folder / FILE
        self._key = key

    def best(self) -> float:
        """Return the shortest of the last runs' times in seconds; infinite if there is none."""
        return min(self._runs(self._read()), default=math.inf)

    def add(self, seconds: float) -> None:
        """Add this run's best; a folder that cannot be written keeps nothing, which costs only later runs' guard."""
        everything = self._read()
        everything[self._key] = [*self._runs(everything), seconds][-RUNS:]
        scratch = self.file.with_name(f"{FILE}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_text(json.dumps(everything, indent=1), encoding="utf-8")
            os.replace(scratch, self.file)

    def _read(self) -> dict[str, Any]:
        """Return what the file holds; nothing if it is missing or damaged."""
        with contextlib.suppress(OSError, ValueError, RecursionError):
            content = json.loads(self.file.read_text(encoding="utf-8"))
            if isinstance(content, dict):
                return content
        return {}

    def _runs(self, everything: dict[str, Any]) -> list[float]:
        runs = everything.get(self._key)
        known = runs if isinstance(runs, list) else []
        return [float(one) for one in known if type(one) in (int, float) and 0 < one < math.inf][-RUNS:]
