"""Every command and every example of README and docs works: what would take minutes is run up to collection."""

import configparser
import glob
import os
import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from support.documents import ROOT, blocks, commands
from support.model_files import bert_folder, encoder_onnx, exported_program
from support.project import Project, git

from pytest_formfunc import cli
from pytest_formfunc.cli.running import SUITE, pytest_arguments

NETS = """
from torch import nn

def build(width=1.0):
    return nn.Sequential(nn.Conv2d(3, int(16 * width), 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""
MEASURED = ("test_forms.py", "--formfunc-patterns=plain", "--formfunc-depths=1", "--formfunc-widths=8,16")
ZOO = pytest.mark.engine("onnx", "timm", "torchvision", "pytorchcv", "transformers", "onnxruntime", "nncf")


def example(page, contains):
    return next(text for name, text in blocks("python") if name == page and contains in text)


@pytest.fixture(scope="module")
def place(tmp_path_factory, artifact_cache):
    """A user's folder with everything that the documents name: benches, networks, files, runs, a main branch."""
    import numpy as np
    import openvino
    import torch

    folder = tmp_path_factory.mktemp("place") / "work"
    folder.mkdir()
    project = Project(folder, artifact_cache)
    shutil.copytree(ROOT / "bench", folder / "bench", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "conftest.py", folder / "conftest.py")
    project.write("pytest.ini", "[pytest]\npythonpath = .\nmarkers =\n    engine: of this project's own tests\n")
    project.write("mypkg/__init__.py", "")
    project.write("mypkg/nets.py", NETS)
    project.write("test_forms.py", (ROOT / "bench" / "test_forms.py").read_text())
    project.write("test_mine.py", example("first-hour.md", "test_my_network"))
    project.write("test_old.py", "def test_net():\n    pass\n")
    encoder_onnx(folder / "net.onnx")
    torch.export.save(exported_program(), folder / "net.pt2")
    known = openvino.convert_model(exported_program())
    known.reshape([1, 3, 32, 32])
    openvino.save_model(known, folder / "net.xml")
    bert_folder(folder / "my-bert")
    np.savez(folder / "samples.npz", np.zeros((8, 3, 32, 32), np.float32))
    (folder.parent / "new-venv").symlink_to(sys.prefix)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    git(folder, "tag", "v1.2")
    return project


@pytest.fixture(scope="module")
def runs(place):
    """The same folder, with saved runs, journals and the parts of a divided one."""
    done = place.measure(*MEASURED, "--benchmark-json=RUN.json", "--formfunc-journal=run.jsonl", "--formfunc-why")
    assert done.code == 0, done.text
    for part in (1, 2):
        one = place.measure(
            *MEASURED, "--benchmark-disable", f"--formfunc-shard={part}/2", f"--formfunc-journal=part-{part}.jsonl"
        )
        assert one.code == 0, one.text
    folder = place.folder
    for name in ("THEN", "NOW", "MONDAY", "TUESDAY", "TODAY"):
        shutil.copy(folder / "RUN.json", folder / f"{name}.json")
    (folder / ".formfunc_cache" / "runs").mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "run.jsonl", folder / ".formfunc_cache" / "runs" / "RUN.jsonl")
    shutil.copy(folder / "run.jsonl", folder / "RUN.jsonl")
    for number in (1, 2):
        to = folder / ".benchmarks" / "here" / f"000{number}_run.json"
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "RUN.json", to)
    return folder


def words_of(command, folder):
    """Return a command's arguments, its file patterns expanded as a shell would."""
    words = shlex.split(command)[1:]
    return [
        one for word in words for one in ((sorted(glob.glob(word, root_dir=folder)) if "*" in word else 0) or [word])
    ]


@ZOO
@pytest.mark.parametrize(("page", "command"), commands("pytest "))
def test_a_command_of_pytest_collects(place, page, command):
    """With its options checked, and every file and name found; a report is written where one is asked for."""
    words = words_of(command, place.folder)
    words = ["1x8" if "net.onnx" in command and word.startswith("1x3") else word for word in words]
    more = ["--formfunc-input=1x8"] if "net.onnx" in command and "input" not in command else []
    outcome = place.pytest("--collect-only", "-q", f"--formfunc-cache-dir={place.cache}", *words, *more)
    assert outcome.code == 0, outcome.text
    assert "--formfunc-list" in words or "::" in outcome.text, outcome.text


def others(*names):
    """Return the commands of ours that tests of their own run, or those that none does."""
    return [one for one in commands("pytest-formfunc ") if (one[1].split()[1] in ("run", "init", "gate")) == bool(names)
            and (not names or one[1].split()[1] in names)]  # fmt: skip


@ZOO
@pytest.mark.parametrize(("page", "command"), others("run"))
def test_a_run_of_the_suite_collects(place, page, command):
    words = pytest_arguments(words_of(command, place.folder)[1:])
    more = ["--formfunc-input=1x8"] if "net.onnx" in command else []
    outcome = place.pytest("--collect-only", "-q", f"--formfunc-cache-dir={place.cache}", *SUITE, *words, *more)
    assert outcome.code == 0, outcome.text
    assert "--formfunc-list" in words or "test_forms.py::test_form[" in outcome.text, outcome.text


@pytest.mark.parametrize(("page", "command"), others("init"))
def test_a_repository_is_begun(page, command, tmp_path, monkeypatch, capsys):
    git(tmp_path, "init", "-q")
    monkeypatch.chdir(tmp_path)
    assert cli.main(words_of(command, tmp_path)) == 0
    assert "written: test_speedup.py" in capsys.readouterr().out


@pytest.mark.parametrize(("page", "command"), others("gate"))
def test_a_gate_is_asked_for(page, command, tmp_path, monkeypatch, capsys):
    """Up to its first check: there is no repository here. Whole ones are run in tests/github."""
    (tmp_path / "test_mine.py").touch()
    monkeypatch.chdir(tmp_path)
    assert cli.main(words_of(command, tmp_path)) == 4
    assert "needs a git repository" in capsys.readouterr().err


@ZOO
@pytest.mark.parametrize(("page", "command"), others())
def test_a_command_of_ours_runs(runs, page, command, monkeypatch, capsys):
    """On real runs; one that judges may find what is not judged, and a search is parsed only."""
    monkeypatch.chdir(runs)
    words = [word.replace("plain-d8-w64", "plain-d1-w8-1x3x32x32") for word in words_of(command, runs)]
    if words[0] in ("bisect", "bisect-packages"):
        assert cli.parser().parse_args(words).pytest == words[words.index("--") + 1 :]
        return
    for made in runs.glob("*.zip") if words[0] == "issue" else ():
        made.unlink()  # of another page: none is written over
    code = cli.main(words)
    said = capsys.readouterr()
    assert code in ((0, 1) if words[0] in ("compare", "merge", "verify") else (0,)), said.err
    assert code == 1 or said.out, said.err
    for word in words:
        if word.endswith(".html"):
            assert (runs / word).stat().st_size > 1000


@pytest.mark.parametrize(("page", "command"), commands("make "))
def test_a_target_of_make_is_there(page, command):
    text = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{shlex.split(command)[1]}:", text, re.M)


@pytest.mark.parametrize(("page", "command"), commands("pip "))
def test_an_extra_that_is_installed_is_there(page, command):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (named,) = re.findall(r"pytest-formfunc\[(\w+)\]", command)
    assert named in extras


@ZOO
@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_an_example_in_python_works(place, number, monkeypatch):
    """Tests are run, each backend once; other examples are executed."""
    page, text = blocks("python")[number]
    if "def test_" in text:
        place.write("examples/test_example.py", text)
        (place.folder / "examples" / "net.pt2").unlink(missing_ok=True)
        backends = ["--formfunc-backends=openvino"]
        outcome = place.measure("examples/test_example.py", "--benchmark-disable", *backends, "-k", _chosen(text))
        assert re.search(r"\d+ passed", outcome.text), outcome.text
        assert "failed" not in outcome.text.splitlines()[-1], outcome.text
    else:
        import pytest_formfunc

        names = {name: getattr(pytest_formfunc, name) for name in ("PatternEntry", "ArchitectureEntry", "BackendEntry")}
        exec(compile(text, page, "exec"), names)
        made = names["PATTERNS"] if "PATTERNS" in names else names["pytest_formfunc_patterns"](None)
        assert made == [pytest_formfunc.PatternEntry("strips", "mypkg.strips:Strips", width_multiple=4)]


def _chosen(text):
    """Leave out files whose inputs the example of a document cannot know: those of the test's own networks differ."""
    return "not test_file and not test_known_shape and not test_quantised" if "net.onnx" in text else "test"


def test_other_blocks_parse():
    for _, text in blocks("toml"):
        assert set(tomllib.loads(text)["project"]["entry-points"]) >= {"pytest_formfunc.patterns"}
    for _, text in blocks("ini"):
        parser = configparser.ConfigParser()
        parser.read_string(text)
        assert parser["pytest"]
    assert blocks("toml")
    assert blocks("ini")


def test_every_block_is_of_a_kind_that_is_tried():
    """A new language in a document needs a test here."""
    tags = {
        found
        for page in [ROOT / "README.md", *Path(ROOT / "docs").glob("*.md")]
        for found in re.findall(r"^```(\S+)$", page.read_text(), re.M)
    }
    assert tags <= {"python", "toml", "ini", "{toctree}", "text", "yaml"}  # workflows: tests/github
    assert os.path.exists(ROOT / "docs" / "index.md")
