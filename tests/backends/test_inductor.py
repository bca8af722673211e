"""A compiler that copies the C++ library into its code makes packages that torch cannot load."""

import subprocess
import zipfile

import pytest

pytestmark = pytest.mark.engine

CODE = """
#include <string>
#include <regex>
extern "C" int found(const char *text) { return std::regex_match(std::string(text), std::regex("a+")); }
"""


STATIC = ("-static-libstdc++", "-static-libgcc")


@pytest.fixture
def package_of(tmp_path):
    """Return a function that links code with given flags and returns a package of it."""
    from pytest_formfunc.backends.inductor import why_no_compiler

    if reason := why_no_compiler():
        pytest.skip(reason)

    def build(*flags):
        (tmp_path / "code.cpp").write_text(CODE, encoding="utf-8")
        command = ["g++", "-shared", "-fPIC", "code.cpp", "-o", "code.so", *flags]
        subprocess.run(command, cwd=tmp_path, check=True)
        package = tmp_path / "package.pt2"
        with zipfile.ZipFile(package, "w") as files:
            files.write(tmp_path / "code.so", "model/code.wrapper.so")
            files.writestr("model/metadata.json", "{}")
        return package

    return build


@pytest.mark.parametrize(("flags", "copies"), [((), False), (STATIC, True)])
def test_a_copy_of_the_library_is_seen(package_of, flags, copies):
    from pytest_formfunc.backends.inductor import copies_library

    assert copies_library(package_of(*flags)) is copies


def test_such_a_package_is_refused_before_it_is_loaded(tmp_path, monkeypatch, package_of):
    """Only the compiler is stood in for, whose real run would take a minute."""
    from pytest_formfunc.backends.inductor import compile_package
    from pytest_formfunc.errors import MeasurementError

    def compiled(program, *, package_path, inductor_configs):
        package_of(*STATIC).rename(package_path)

    monkeypatch.setattr("torch._inductor.aoti_compile_and_package", compiled)
    with pytest.raises(MeasurementError, match="CXX=g"):
        compile_package(None, tmp_path / "a.pt2")
    assert not (tmp_path / "a.pt2").exists()
