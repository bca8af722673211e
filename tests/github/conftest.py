"""A machine on which the steps of actions run: an environment of its own, and what GitHub sets."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from support.actions import Job
from support.project import users_environment
from support.source import copy_source, linked_environment

SMALL = (
    "--formfunc-threads=1 --formfunc-input=1x3x32x32 --formfunc-budget=300ms --formfunc-precision=20% "
    "--formfunc-servers=3 --formfunc-escalation=1s"
)


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """This repository as GitHub unpacks it to run an action of it."""
    folder = tmp_path_factory.mktemp("actions") / "source"
    folder.mkdir()
    return copy_source(folder)


# Every library is there: the steps that install do so without the network.
PIP = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # to pip this means that there is none
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


@pytest.fixture(scope="session")
def machine(source, tmp_path_factory):
    """An environment in which the first step of the actions, which installs, was run."""
    folder = linked_environment(tmp_path_factory.mktemp("machine") / "venv")
    install = next(
        step
        for step in yaml.safe_load((source / "action.yml").read_text())["runs"]["steps"]
        if step["name"] == "Install"
    )
    variables = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "GITHUB_ACTION_PATH": str(source)}
    done = subprocess.run(
        ["bash", "-e", "-c", install["run"]], capture_output=True, text=True, check=False,
        env=users_environment() | PIP | variables | {"EXTRAS": "openvino", "INSTALL": "--quiet"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def job(machine, tmp_path, artifact_cache):
    """Return a function that begins a job in a folder."""

    def begin(folder: Path, **github) -> Job:
        files = tmp_path / f"files-{len(list(tmp_path.glob('files-*')))}"
        files.mkdir()
        environment = (
            users_environment()
            | PIP
            | {
                "PATH": f"{machine / 'bin'}:{os.environ['PATH']}",
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "COLUMNS": "100",
                "PYTEST_ADDOPTS": f"{SMALL} --formfunc-cache-dir={artifact_cache}",
            }
        )
        context = {"sha": "1" * 40, "run_attempt": "1", "run_id": "7", "token": "a-token", "ref_name": "", **github}
        return Job(folder, environment, files, context)

    return begin
