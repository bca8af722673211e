"""`pytest-formfunc init`: what it writes, and what it leaves alone."""

import subprocess

import pytest
import yaml
from support.command import command
from support.programs import program
from support.project import git

import pytest_formfunc
from pytest_formfunc.cli.starting import first_test, pytest_settings_in, requirement
from pytest_formfunc.errors import BadInput

NET = "from torch import nn\n\n\ndef build(width=8):\n    return nn.Conv2d(3, width, 3)\n"
TWO = """
from torch import nn


class Two(nn.Module):
    def forward(self, ids, mask):
        return (ids * mask).float().mean(1, keepdim=True) + ids.float()


def build():
    return Two()
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    git(tmp_path, "init", "-q", "-b", "main")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_test_settings_and_a_workflow_are_written(here):
    done = command("init")
    assert done.code == 0, done.text
    assert [line for line in done.text.splitlines() if line.startswith("written")] == [
        "written: test_speedup.py", "written: .github/workflows/speedup.yml", "written: pytest.ini",
    ]  # fmt: skip
    assert "what to do next:" in done.text
    workflow = yaml.safe_load((here / ".github/workflows/speedup.yml").read_text())
    steps = {step["name"]: step for step in workflow["jobs"]["gate"]["steps"] if "name" in step}
    assert steps["Install"]["run"] == f'python -m pip install "{requirement()}"'
    assert steps["Measure both sides, and judge"]["run"] == "pytest-formfunc gate --tests test_speedup.py"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, f"pytest-formfunc[openvino]=={pytest_formfunc.__version__}"),
        ('{"url": "file:///src", "dir_info": {}}', f"pytest-formfunc[openvino]=={pytest_formfunc.__version__}"),
        ("[]", f"pytest-formfunc[openvino]=={pytest_formfunc.__version__}"),
        (
            '{"url": "https://example.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
            "pytest-formfunc[openvino] @ git+https://example.org/a.git@abc",
        ),
        (
            '{"url": "https://example.org/$(x)", "vcs_info": {"commit_id": "abc"}}',
            f"pytest-formfunc[openvino]=={pytest_formfunc.__version__}",
        ),
    ],
)
def test_the_workflow_installs_what_was_installed(monkeypatch, content, found):
    """From a repository, at its commit; else this version from an index."""

    class Installed:
        def read_text(self, name):
            assert name == "direct_url.json"
            return content

    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Installed())
    assert requirement() == found


def test_no_file_is_written_over(here):
    """What is there stays; when everything is, that is said as wrong usage."""
    (here / "tests").mkdir()
    (here / "tests" / "test_speedup.py").write_text("# mine\n")
    (here / "pytest.ini").write_text("[pytest]\nformfunc_budget = 9s\n")
    done = command("init")
    assert done.code == 0
    assert "left as it is: tests/test_speedup.py" in done.text
    assert "written: .github/workflows/speedup.yml" in done.text
    assert "formfunc_threshold = 10%" in done.text
    assert "formfunc_budget = 7s" not in done.text  # the file has that one
    again = command("init")
    assert again.code == 4
    assert "there is nothing to write: every file is there already" in again.text
    assert (here / "tests" / "test_speedup.py").read_text() == "# mine\n"
    assert (here / "pytest.ini").read_text() == "[pytest]\nformfunc_budget = 9s\n"


def test_it_writes_to_the_top_of_the_repository(here, monkeypatch):
    (here / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(here / "a" / "b")
    assert command("init").code == 0
    assert (here / "pytest.ini").is_file()


def test_a_folder_without_repository_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = command("init")
    assert done.code == 4
    assert "is in no git repository, and a change is compared with a commit: begin one by git init" in done.text
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(here):
    (here / ".github").write_text("a file")
    done = command("init")
    assert done.code == 4
    assert "workflows" in done.text
    assert "cannot be written" in done.text


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("pyproject.toml", "[tool.pytest.ini_options]\n", "pyproject.toml"),
        ("pyproject.toml", "[tool.pytest]\n", "pyproject.toml"),
        ("pyproject.toml", "[project]\nname = 'a'\n", None),
        ("tox.ini", "[pytest]\n", "tox.ini"),
        ("setup.cfg", "[tool:pytest]\n", "setup.cfg"),
        ("setup.cfg", "[metadata]\nname = a\n", None),
        (".pytest.ini", "", ".pytest.ini"),
    ],
)
def test_the_file_of_pytests_settings_is_found(tmp_path, file, text, found):
    """One more file would take the place of that one, for pytest reads a single file."""
    (tmp_path / file).write_text(text)
    got = pytest_settings_in(tmp_path)
    assert (got and str(got)) == found


def test_settings_that_cannot_be_read_are_not_hidden(here):
    """A pytest.ini beside them would take their place."""
    (here / "pyproject.toml").write_text("not toml")
    done = command("init")
    assert done.code == 4
    assert "pytest's settings may be in it" in done.text
    assert [path.name for path in here.iterdir() if path.name != ".git"] == ["pyproject.toml"]


def test_settings_of_a_toml_file_are_shown_as_toml_has_them(here):
    """pytest reads its own settings there by their types."""
    (here / "pyproject.toml").write_text("[tool.pytest]\n")
    (here / "net.py").write_text(NET)
    done = command("init", "--model", "net:build")
    assert '  pythonpath = ["."]' in done.text
    assert '  formfunc_threshold = "10%"' in done.text


def test_next_steps_name_the_files_from_where_the_user_stands(here, monkeypatch):
    (here / "a").mkdir()
    monkeypatch.chdir(here / "a")
    done = command("init")
    assert "  git add ../test_speedup.py ../.github/workflows/speedup.yml ../pytest.ini && git commit" in done.text
    assert "  pytest ../test_speedup.py" in done.text


def test_the_workflow_installs_the_repositorys_own_packages(here):
    (here / "pyproject.toml").write_text("[project]\nname = 'a'\nversion = '1'\n")
    (here / "requirements.txt").write_text("numpy\n")
    assert command("init").code == 0
    assert '" -r requirements.txt -e .\n' in (here / ".github/workflows/speedup.yml").read_text()


@pytest.mark.parametrize(
    ("model", "shapes", "says"),
    [
        ("build", "", "package.module:function"),
        ("a:b", "x", "x"),
        ("timm:lcnet_050", "", "pytest-formfunc run timm:lcnet_050"),
        ("class:build", "", "no function of yours that a test could import"),
    ],
)
def test_malformed_input_is_refused_before_anything_is_written(here, model, shapes, says):
    done = command("init", "--model", model, "--input", shapes)
    assert done.code == 4
    assert says in done.text
    assert not (here / "test_speedup.py").exists()
    with pytest.raises(BadInput, match="gives 2 calls"):
        first_test("a:b", "1x3,2x3")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("net", "model", "shapes"),
    [
        ("", "", ""),
        (NET, "src/net:build", "1x3x32x32"),
        (NET, "net:build(width=4)", "2x3x32x32"),
        (TWO, "net:build", "ids=1x8:i64:ones+mask=1x8:i64:range"),
        (TWO, "net:build", "1x8:i64+1x8:f64:zeros"),
    ],
)
def test_the_test_that_it_writes_measures(project, monkeypatch, net, model, shapes):
    """For a network of its own, or a function of the user's with inputs of every kind; the import path is set."""
    folder, _, name = model.rpartition("/")
    if net:
        project.write(f"{folder or '.'}/net.py", net)
    (project.folder / "pytest.ini").unlink()
    git(project.folder, "init", "-q")
    monkeypatch.chdir(project.folder)
    done = command("init", "--model", name, "--input", shapes)
    assert done.code == 0, done.text
    ruff = subprocess.run(
        [program("ruff"), "format", "--diff", "test_speedup.py"], capture_output=True, text=True, check=False
    )
    assert ruff.returncode == 0, ruff.stdout
    outcome = project.measure("test_speedup.py", "--benchmark-disable")
    assert outcome.code == 0, outcome.text
    assert "1 passed" in outcome.text
