"""A repository whose change made a network worse."""

import shutil

import pytest
from support.project import Project, git, make_repository
from support.repositories import HEAD, TRICKS, only_calls, worse


@pytest.fixture(scope="module")
def good(tmp_path_factory, artifact_cache):
    """A repository with two networks and their tests, as it was at v1, and a saved run of these two."""
    one = make_repository(Project(tmp_path_factory.mktemp("good"), artifact_cache))
    one.write("src/mynets/other.py", (one.folder / "src/mynets/net.py").read_text().replace("16", "12"))
    one.write("test_net.py", only_calls("net"))
    one.write("test_other.py", only_calls("other"))
    for name in TRICKS:
        one.write(f"tricks/test_{name}.py", HEAD + only_calls("net", name))
    git(one.folder, "add", "-A")
    git(one.folder, "commit", "-qm", "tests")
    git(one.folder, "tag", "-f", "v1")
    outcome = one.measure("test_net.py", "test_other.py", "--benchmark-autosave")
    assert outcome.code == 0, outcome.text
    return one


@pytest.fixture
def changed(good, project, tmp_path):
    """That repository with a worse network."""
    shutil.rmtree(tmp_path)
    shutil.copytree(good.folder, tmp_path)
    worse(project)
    return project
