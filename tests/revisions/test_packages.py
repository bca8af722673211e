"""Environments that mix the packages of two others: real ones, with small distributions made here."""

import json
import subprocess

import pytest
from support.distributions import install, make_environment, site_packages

from pytest_formfunc.errors import BadInput
from pytest_formfunc.revisions.packages import changes_between, make_mixed, read_environment


@pytest.fixture
def old(tmp_path):
    return make_environment(tmp_path / "old", linked=False)


@pytest.fixture
def new(tmp_path):
    return make_environment(tmp_path / "new", linked=False)


def read(environment):
    return read_environment(str(environment / "bin" / "python"), str(environment))


def titles(old, new):
    return [change.title for change in changes_between(read(old), read(new))]


def mixed(tmp_path, old, new, *from_old):
    return make_mixed(tmp_path / "mixed", read(old), read(new), from_old)


def run(environment, code):
    """Return what a statement in an environment's Python prints, as JSON."""
    done = subprocess.run([environment / "bin" / "python", "-c", f"import json; print(json.dumps({code}))"],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def value(environment, module):
    return run(environment, f"__import__('importlib').import_module('{module}').VALUE")


def version(environment, name):
    return run(environment, f"__import__('importlib.metadata').metadata.version('{name}')")


def test_each_package_comes_from_its_environment(tmp_path, old, new):
    """With its description, by which others ask for its version; nothing is copied."""
    for name in ("one", "two"):
        install(old, name, "1.0", {f"{name}/__init__.py": "VALUE = 'old'\n"})
        install(new, name, "2.0", {f"{name}/__init__.py": "VALUE = 'new'\n"})
    assert titles(old, new) == ["one 1.0 -> 2.0", "two 1.0 -> 2.0"]
    made = mixed(tmp_path, old, new, "one")
    assert (value(made, "one"), value(made, "two")) == ("old", "new")
    assert (version(made, "one"), version(made, "two")) == ("1.0", "2.0")
    assert (site_packages(made) / "one").is_symlink()


def test_packages_that_share_a_folder_are_mixed_in_it(tmp_path, old, new):
    """As those of Google and NVIDIA do, with further folders in it that belong to one of them."""
    for where, number in ((old, "1"), (new, "2")):
        for name in ("first", "second"):
            files = {f"shared/{name}/__init__.py": f"VALUE = {number}\n", f"shared/{name}.txt": number}
            install(where, f"shared-{name}", number, files)
    made = mixed(tmp_path, old, new, "shared-first")
    assert (value(made, "shared.first"), value(made, "shared.second")) == (1, 2)


def test_a_library_finds_its_neighbours_in_the_mix(tmp_path, old, new):
    """A folder with a shared library is a real one: its own path leads to the packages of the mix."""
    for where, number in ((old, "1"), (new, "2")):
        install(where, "engine", number, {"engine/__init__.py": "VALUE = 1\n", "engine/lib/libengine.so.1": number})
        install(where, "blas", number, {"blas/lib/libblas.so": number})
    made = site_packages(mixed(tmp_path, old, new, "engine"))
    assert (made / "engine/lib/libengine.so.1").read_text() == "1"
    assert (made / "engine/lib/../../blas/lib/libblas.so").read_text() == "2"


def test_packages_that_only_one_side_has_are_changes(tmp_path, old, new):
    """One that was added is not there where it comes from the old environment; one that was removed is."""
    install(old, "gone", "1.0", {"gone.py": "VALUE = 1\n"})
    install(new, "added", "3.0", {"added.py": "VALUE = 3\n"})
    assert titles(old, new) == ["added 3.0 (added)", "gone 1.0 (removed)"]
    made = mixed(tmp_path, old, new, "added", "gone")
    assert value(made, "gone") == 1
    assert not (site_packages(made) / "added.py").exists()


def test_another_build_of_one_version_is_a_change(old, new):
    """Its contents say so; how it was installed, and the paths in its scripts, do not."""
    for where, text in ((old, "1"), (new, "2")):
        install(where, "built", "1.0", {"built.py": f"VALUE = {text}\n"})
        install(where, "same", "1.0", {"same.py": "", "../../../bin/same": f"#!{where}\n"})
    assert titles(old, new) == ["built 1.0 (another build of the same version)"]


def test_what_belongs_to_no_package_and_added_folders_are_there(tmp_path, old, new):
    """Modules that somebody copied, folders of .pth files with and without packages, and lines that import."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/developed.py").write_text("VALUE = 'developed'\n")
    (site_packages(new) / "copied.py").write_text("VALUE = 'copied'\n")
    (site_packages(new) / "some.pth").write_text(f"{tmp_path / 'sources'}\nimport sys; sys.mark = 5\n")
    linked = make_environment(tmp_path / "third", linked=False)
    install(linked, "far", "1.0", {"far.py": "VALUE = 'far'\n"})
    (site_packages(new) / "linked.pth").write_text(f"{site_packages(linked)}\n")
    made = mixed(tmp_path, old, new)
    assert [value(made, name) for name in ("developed", "copied", "far")] == ["developed", "copied", "far"]
    assert run(made, "__import__('sys').mark") == 5
    assert version(made, "far") == "1.0"


def test_an_editable_package_is_taken_with_its_folder(tmp_path, old, new):
    """Its list of files has the .pth file that adds the folder, and nothing of the folder itself."""
    for where, text in ((old, "old"), (new, "new")):
        source = tmp_path / f"source-{text}"
        source.mkdir()
        (source / "developed.py").write_text(f"VALUE = '{text}'\n")
        install(where, "developed", text, {"__editable__.developed.pth": f"{source}\n"})
    assert value(mixed(tmp_path, old, new, "developed"), "developed") == "old"
    assert value(make_mixed(tmp_path / "other", read(old), read(new), ()), "developed") == "new"


def test_a_package_without_a_list_of_files_has_a_problem(old, new):
    """It cannot be taken alone, and the sentence says what to do."""
    for where, number in ((old, "1.0"), (new, "2.0")):
        about = site_packages(where) / f"unlisted-{number}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: unlisted\nVersion: {number}\n")
    (change,) = changes_between(read(old), read(new))
    assert change.problem == "unlisted has no list of its files (RECORD): install it by pip"


def test_exact_requirements_are_pins(old, new):
    install(old, "torch", "1.0", {"torch.py": ""}, ("triton==1.0 ; sys_platform == 'linux'", "numpy>=1"))
    install(new, "torch", "2.0", {"torch.py": ""}, ("mpmath==1.3; extra == 'more'", "sympy (==1.2)"))
    (change,) = changes_between(read(old), read(new))
    assert change.pins == {"triton", "sympy"}


@pytest.mark.parametrize(
    ("python", "sentence"), [("", "is no virtual environment"), ("#!/bin/sh\nexit 3\n", "cannot be listed")]
)
def test_an_environment_without_a_python_that_runs_is_refused(tmp_path, python, sentence):
    folder = tmp_path / "broken" / "bin"
    folder.mkdir(parents=True)
    if python:
        (folder / "python").write_text(python)
        (folder / "python").chmod(0o755)
    with pytest.raises(BadInput, match=sentence):
        read(tmp_path / "broken")


def test_a_mix_that_cannot_be_written_is_refused(tmp_path, old, new):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="an environment of links cannot be made"):
        make_mixed(tmp_path / "file" / "mixed", read(old), read(new), ())
