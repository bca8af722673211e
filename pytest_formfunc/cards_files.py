"""What is known of NVIDIA's cards without NVML: the driver's files, and what its library serves."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path
from typing import Any

_FILES = Path("/proc/driver/nvidia")


def identity(order: str | None) -> dict[str, Any]:
    """Return what must be equal before figures of two runs on a card are compared, as JSON; empty without a driver.

    Which of several cards is used is told by what chooses it, which may be more than differs between them.

    Args:
        order: the value of ``CUDA_VISIBLE_DEVICES``; None where it is not set.
    """
    known, cuda = describe(), served_cuda()
    return {**known, "cuda": cuda, "chosen": order or ""} if known or cuda else {}


def driver() -> str:
    """Return the line that tells the driver's version; empty where it is unknown."""
    return str(describe().get("driver", ""))


def describe(folder: Path | None = None) -> dict[str, Any]:
    """Return the cards' names and the driver, from the driver's files; for where NVML is missing."""
    folder = folder or _FILES
    names = [
        line.partition(":")[2].strip()
        for file in sorted(folder.glob("gpus/*/information"))
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith("Model:")
    ]
    if not names:
        return {}
    version = ""
    with contextlib.suppress(OSError):
        version = (folder / "version").read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    return {"names": names, "driver": version}


def served_cuda(library: str = "libcuda.so.1") -> str:
    """Return the newest version of CUDA that the driver's library serves, such as ``12.4``; empty where there is none.

    ``cuDriverGetVersion`` is the one function that does not ask for CUDA to be initialised (CUDA Driver API, "Version
    Management"), so a process that forks may call it.
    """
    number = ctypes.c_int(0)
    try:
        failed = ctypes.CDLL(library).cuDriverGetVersion(ctypes.byref(number))
    except (OSError, AttributeError):
        return ""
    return "" if failed else f"{number.value // 1000}.{number.value % 1000 // 10}"
