"""A library with a malloc of its own, as jemalloc has one, to be loaded before the C library by LD_PRELOAD."""

import shutil
import subprocess
from pathlib import Path

import pytest

# Defines the functions of <stdlib.h>, and leaves the work to glibc's own under their other names.
FORWARDING = """
#include <stddef.h>
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
void *malloc(size_t size) { return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) { return __libc_memalign(alignment, size); }
int posix_memalign(void **found, size_t alignment, size_t size) { return (*found = __libc_memalign(alignment, size)) ? 0 : 12; }
void free(void *old) { __libc_free(old); }
"""


def preload_library(folder: Path) -> Path:
    """Compile a library with a malloc of its own; return its path."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc, not installed here")
    source, library = folder / "forwarding.c", folder / "libforwarding.so"
    source.write_text(FORWARDING)
    subprocess.run(["gcc", "-shared", "-fPIC", "-fno-builtin", "-o", library, source], check=True)
    return library
