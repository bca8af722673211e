"""What Inductor's code for NVIDIA cards is built with is looked for before anything is compiled."""

import glob
import os
import shutil

import pytest

from pytest_formfunc.backends import cuda_toolkit
from pytest_formfunc.backends.cuda_toolkit import find_toolkit, name_toolkit, why_no_toolkit

GXX = shutil.which("g++")


@pytest.fixture
def nothing(monkeypatch, tmp_path):
    """A machine without CUDA, whose compiler finds no library."""
    for name in ("CUDA_HOME", "CUDA_PATH", "CUDA_INC_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(cuda_toolkit, "USUAL", tmp_path / "usual")
    return write_program(tmp_path / "compiler", 'echo "libcuda.so"')


def write_program(path, line):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return str(path)


def write(*files):
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")


def test_none(nothing):
    assert find_toolkit() is None
    assert "finds none: install CUDA's toolkit, or name it by CUDA_HOME" in why_no_toolkit(nothing)


def test_it_is_found_where_torch_finds_it(nothing, monkeypatch, tmp_path):
    """CUDA_HOME before CUDA_PATH, nvcc, and the usual place."""
    (tmp_path / "usual").mkdir()
    assert find_toolkit() == tmp_path / "usual"
    write_program(tmp_path / "bin" / "nvcc", ":")
    assert find_toolkit() == tmp_path
    monkeypatch.setenv("CUDA_PATH", "/other")
    assert str(find_toolkit()) == "/other"
    monkeypatch.setenv("CUDA_HOME", "/named")
    assert str(find_toolkit()) == "/named"


@pytest.mark.skipif(os.path.exists("/usr/include/cuda.h"), reason="headers of CUDA are in the usual place here")
def test_headers_and_the_driver_s_library_are_needed(nothing, monkeypatch, tmp_path):
    toolkit = tmp_path / "cuda"
    monkeypatch.setenv("CUDA_HOME", str(toolkit))
    toolkit.mkdir()
    assert f"{toolkit} has no include/cuda.h" in why_no_toolkit(nothing)
    write(toolkit / "include" / "cuda.h")
    assert why_no_toolkit(nothing).startswith("Inductor links with libcuda.so, and neither ")
    assert why_no_toolkit(write_program(tmp_path / "knows", 'echo "/usr/lib/libcuda.so"')) is None
    write(toolkit / "lib64" / "stubs" / "libcuda.so")
    assert why_no_toolkit(nothing).startswith("Inductor links")  # torch looks beside the other library alone
    write(toolkit / "lib64" / "libcudart_static.a")
    assert why_no_toolkit(nothing) is None


@pytest.mark.skipif(GXX is None, reason="g++ is not installed")
@pytest.mark.skipif(bool(glob.glob("/usr/lib*/*/libcuda.so")), reason="the driver's library is here")
def test_a_real_compiler_says_that_it_finds_none(nothing, monkeypatch, tmp_path):
    """It prints the name alone then; and the path where a folder that it searches has the library."""
    toolkit = tmp_path / "cuda"
    write(toolkit / "include" / "cuda.h")
    monkeypatch.setenv("CUDA_HOME", str(toolkit))
    library = tmp_path / "libraries"
    monkeypatch.setenv("LIBRARY_PATH", str(library))
    assert "neither" in why_no_toolkit(GXX)
    write(library / "libcuda.so")
    assert why_no_toolkit(GXX) is None


def test_torch_is_told_where_it_is(nothing, monkeypatch, tmp_path):
    """It looks into lib64/stubs of a toolkit that CUDA_HOME names, and into that of no other."""
    name_toolkit()
    assert "CUDA_HOME" not in os.environ
    (tmp_path / "usual").mkdir()
    monkeypatch.setenv("CUDA_HOME", "")  # so that it is restored afterwards
    name_toolkit()
    assert os.environ["CUDA_HOME"] == str(tmp_path / "usual")
