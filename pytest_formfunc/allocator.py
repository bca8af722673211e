"""The C library's allocator: which one a process has, and how to make glibc's keep the memory that is freed.

PyTorch allocates each activation and frees it. By default glibc maps a large one anew and unmaps it when it is freed,
or returns the top of the heap, so that a call faults its pages in again. How often it does so differs between processes
of the same program.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

# Parameters of glibc's mallopt(3), from <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_NEVER = -1  # as M_TRIM_THRESHOLD: the top of the heap is never returned to the system
KEPT_SETTINGS = {"M_MMAP_MAX": 0, "M_TRIM_THRESHOLD": _NEVER}
_VARIABLES = ("GLIBC_TUNABLES", "MALLOC_")  # what a user changes glibc's allocator with, or the start of it


class _Where(ctypes.Structure):
    """``Dl_info`` of ``dladdr(3)``."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def allocator_name() -> str:
    """Return the allocator of this process: ``glibc 2.36``, or the name of the library that has ``malloc``.

    glibc's name is followed by the environment variables that change it.
    """
    library = _library_of_malloc()
    if not _is_glibc(library):
        return library or "unknown"
    changed = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(_VARIABLES)]
    return f"glibc {_glibc_version()}" + (f" with {', '.join(changed)}" if changed else "")


def why_not_kept() -> str | None:
    """Return a clause that says why this process cannot be made to keep freed memory, or None if it can."""
    library = _library_of_malloc()
    if _is_glibc(library):
        return None
    return f"malloc is that of {library or 'an unknown library'}, and only glibc's can be made to keep freed memory"


def keep_freed_memory() -> None:
    """Let glibc take large blocks from the heap, and never return the heap's memory to the system.

    glibc's ``MALLOC_`` variables do that for a process from its start; this is for a process that already runs.
    """
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)


def _library_of_malloc() -> str:
    """Return the file name of the library whose ``malloc`` this process calls; empty if unknown."""
    found = _Where()
    try:
        libc = ctypes.CDLL(None)
        address = ctypes.cast(libc.malloc, ctypes.c_void_p)
        dladdr = getattr(libc, "dladdr", None) or ctypes.CDLL("libdl.so.2").dladdr
        if not dladdr(address, ctypes.byref(found)) or not found.file:
            return ""
    except (OSError, AttributeError):
        return ""
    return Path(os.fsdecode(found.file)).name


def _is_glibc(library: str) -> bool:
    # musl's C library has another name (ld-musl-x86_64.so.1) or lacks both functions.
    return library.startswith("libc.so") and bool(_glibc_version()) and hasattr(ctypes.CDLL(None), "mallopt")


def _glibc_version() -> str:
    try:
        function = ctypes.CDLL(None).gnu_get_libc_version
    except AttributeError:
        return ""
    function.restype = ctypes.c_char_p
    return str(function().decode())
