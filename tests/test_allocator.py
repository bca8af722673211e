"""Which allocator a process has: glibc's here, another library's where one is loaded before it, or another C library's."""

import os
import subprocess
import sys
import sysconfig

import pytest
from support.preload import preload_library

from pytest_formfunc import allocator

SAY = (
    "from pytest_formfunc.allocator import allocator_name, why_not_kept; print(allocator_name()); print(why_not_kept())"
)


def said_by_a_process(**variables):
    """Return what a process with these environment variables says of its allocator, line by line."""
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", SAY], env={**os.environ, "PYTHONPATH": path, **variables}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.skipif("musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""), reason="this C library is musl")
def test_glibcs_allocator_is_known_by_its_version():
    """It can be made to keep its memory, and a variable that changes it is part of its name."""
    name, reason = said_by_a_process()
    assert name.startswith("glibc 2.")
    assert reason == "None"
    changed, reason = said_by_a_process(MALLOC_ARENA_MAX="1", GLIBC_TUNABLES="glibc.malloc.tcache_count=3")
    assert changed == f"{name} with GLIBC_TUNABLES=glibc.malloc.tcache_count=3, MALLOC_ARENA_MAX=1"
    assert reason == "None"


def test_a_library_with_a_malloc_of_its_own_is_named(tmp_path):
    """Such as jemalloc or tcmalloc: its memory cannot be kept by glibc's means, and saved runs with it are of its own."""
    library = preload_library(tmp_path)
    name, reason = said_by_a_process(LD_PRELOAD=str(library), MALLOC_ARENA_MAX="1")
    assert name == "libforwarding.so"
    assert reason == "malloc is that of libforwarding.so, and only glibc's can be made to keep freed memory"


@pytest.mark.parametrize(
    ("library", "name"),
    [("ld-musl-x86_64.so.1", "ld-musl-x86_64.so.1"), ("libc.musl-x86_64.so.1",) * 2, ("", "unknown")],
)
def test_another_c_library_is_named(monkeypatch, library, name):
    """musl's has no parameters; where nothing is known, nothing is assumed."""
    monkeypatch.setattr(allocator, "_library_of_malloc", lambda: library)
    assert allocator.allocator_name() == name
    assert f"malloc is that of {library or 'an unknown library'}, and only glibc's" in allocator.why_not_kept()


def test_a_libc_without_glibcs_version_is_not_glibc(monkeypatch):
    """Its file may have the same name."""
    monkeypatch.setattr(allocator, "_library_of_malloc", lambda: "libc.so")
    monkeypatch.setattr(allocator, "_glibc_version", lambda: "")
    assert allocator.allocator_name() == "libc.so"
    assert "malloc is that of libc.so" in allocator.why_not_kept()


KEEPS = """
import ctypes, resource, sys
if sys.argv[1] == "keep":
    from pytest_formfunc.allocator import keep_freed_memory
    keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def use():
    block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(64 << 20)))
    ctypes.memset(block, 1, 64 << 20)
    libc.free(block)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_a_process_that_keeps_its_memory_does_not_fault_it_in_again():
    """By default a block of 64 MB is mapped anew each time, which takes thousands of page faults (or huge pages' 32)."""
    faults = {}
    for how in ("default", "keep"):
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", KEEPS, how], env=env, capture_output=True, text=True, check=True)
        faults[how] = int(done.stdout)
    assert faults["default"] >= 32
    assert faults["keep"] < 8
