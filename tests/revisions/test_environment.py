"""Side by side with the packages of another virtual environment: real ones, into which this one's are linked."""

import subprocess
import sys
import venv

import pytest
from support.project import MATRIX

pytestmark = pytest.mark.engine
FORM = ("--formfunc-patterns", "plain", "--formfunc-depths", "1", "--formfunc-widths", "8")
LIGHT = ("--formfunc-escalation", "1s", "--formfunc-threshold", "50%")


@pytest.fixture
def repository(project):
    """A user's repository that measures the bundled forms."""
    project.write("test_forms.py", MATRIX)
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for args in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "one"]):
        subprocess.run(["git", *args], cwd=project.folder, check=True)
    return project


@pytest.fixture
def environment(tmp_path):
    """An environment without packages."""
    folder = tmp_path / "other"
    venv.create(folder, symlinks=True)
    return folder


def site_packages(environment):
    return next(environment.glob("lib/python*/site-packages"))


def link_packages(environment):
    """Give an environment the packages of this one."""
    here = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    (site_packages(environment) / "linked.pth").write_text("\n".join(here) + "\n")


def test_the_same_packages_are_reported_as_the_same(repository, environment):
    """The revision is HEAD by default, and every worker of the other side runs in that environment."""
    link_packages(environment)
    outcome = repository.measure(*FORM, *LIGHT, "--formfunc-against-env", str(environment), "--benchmark-json=out.json")
    assert outcome.code == 0, outcome.text
    assert f"with the packages of {environment}" in " ".join(outcome.text.split())
    assert "(the same versions)" in " ".join(outcome.text.split())
    (record,) = [one for one in repository.records("out.json").values() if not one["native"]]
    assert record["verdict"]["change"]["low"] < record["verdict"]["change"]["high"]
    assert len(record["against"]["native_samples"]) >= 2
    assert record["against"]["judged"]["own_servers"] is True


@pytest.mark.alone
def test_versions_that_differ_are_named(repository, environment):
    """The message names a package whose version differs; equal kernels then do not require more evidence."""
    link_packages(environment)
    metadata = site_packages(environment) / "openvino-2001.1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: openvino\nVersion: 2001.1.0\n")
    outcome = repository.measure(
        *FORM, "--formfunc-escalation", "5s", "--formfunc-threshold", "20%", "--formfunc-plant", "openvino=300%",
        "--formfunc-against", "HEAD", "--formfunc-against-env", str(environment), "--formfunc-servers", "3",
    )  # fmt: skip
    assert outcome.code == 1, outcome.text
    text = " ".join(outcome.text.split())
    assert "openvino 2001.1.0 -> " in text
    assert "the engine executes the same kernels as before" in text
    assert "times the evidence" not in text


def test_an_environment_without_an_engine_is_refused(repository, environment):
    """The message comes before anything is measured, and says what to install."""
    outcome = repository.measure(*FORM, "--formfunc-against-env", str(environment))
    assert outcome.code == 4, outcome.text
    assert f"backend 'native' cannot be used in {environment}: torch" in outcome.text
    assert "pip install" in outcome.text


def test_a_folder_that_is_not_an_environment_is_refused(repository, tmp_path):
    outcome = repository.measure(*FORM, "--formfunc-against-env", str(tmp_path / "nowhere"))
    assert outcome.code == 4, outcome.text
    assert "there is no virtual environment: make one with python -m venv" in outcome.text


def test_an_environment_whose_python_is_broken_is_refused(repository, environment):
    (environment / "bin" / "python").unlink()
    (environment / "bin" / "python").write_text("#!/bin/sh\nexit 3\n")
    (environment / "bin" / "python").chmod(0o755)
    outcome = repository.measure(*FORM, "--formfunc-against-env", str(environment))
    assert outcome.code == 4, outcome.text
    assert "its Python does not run" in outcome.text
