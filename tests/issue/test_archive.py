"""The archive of a bug report, of real engines: what is in it, what is not, and that its script runs."""

import importlib.metadata
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.command import command
from support.project import MATRIX, Project

from pytest_formfunc.gate.baseline import read_baseline
from pytest_formfunc.records import Record

ENGINES = {"openvino": "openvino", "onnxruntime": "onnxruntime"}
PATTERN, OWN = "pointwise-d1-w8-1x3x32x32", "test_own.py::test_net"
USER, HOST = "alexandra", "enterprise-7"
SECRET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.alexandra = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 80, 3))

    def forward(self, x):
        return self.alexandra(x).mean((2, 3))


def test_net(formfunc, formfunc_backend):
    torch.manual_seed(0)
    net = Net()
    net.alexandra[1].running_var.uniform_(0.5, 2)
    formfunc(net.eval(), torch.randn(1, 3, 32, 32))
"""
# What is not on the machine of an engine's maintainer.
WITHOUT_TORCH = """
import runpy, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "pytest_formfunc", "pytest", "onnx"):
            raise ModuleNotFoundError(f"no {name} here")

sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory, artifact_cache):
    """A folder with a saved run of a pattern and of a test's own network, on two engines, layers observed."""
    project = Project(tmp_path_factory.mktemp("alexandra-home") / "work", artifact_cache)
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_forms.py", MATRIX)
    project.write("test_own.py", SECRET)
    forms = ["--formfunc-patterns=pointwise", "--formfunc-depths=1", "--formfunc-widths=8"]
    backends = f"--formfunc-backends={','.join(ENGINES)}"
    outcome = project.measure(*forms, backends, "--benchmark-json=run.json", "--formfunc-journal=run.jsonl")
    assert outcome.code == 0, outcome.text
    return project


@pytest.fixture
def as_alexandra(measured, monkeypatch):
    """This process is that of a user whose names and folders tell somebody."""
    monkeypatch.chdir(measured.folder)
    monkeypatch.setenv("HOME", str(measured.folder.parent))
    for name in ("LOGNAME", "USER", "USERNAME", "LNAME"):
        monkeypatch.setenv(name, USER)
    monkeypatch.setattr("socket.gethostname", lambda: f"{HOST}.example.org")
    return measured


@pytest.fixture(scope="module")
def archives():
    """The unpacked archives that the tests of this file have made so far."""
    return {}


@pytest.fixture
def write(as_alexandra, tmp_path_factory, archives):
    """Write an archive and unpack it, unless there is one of the same words."""

    def write(case, backend, *more, run="run.json"):
        words = (run, case, "--backend", backend, *more)
        if words not in archives:
            folder = tmp_path_factory.mktemp("archive")
            where = () if "--cache-dir" in more else ("--cache-dir", as_alexandra.cache)
            outcome = command("issue", *words, "--output", folder / "made.zip", *where)
            assert outcome.code == 0, outcome.text
            with zipfile.ZipFile(folder / "made.zip") as archive:
                archive.extractall(folder / "unpacked")
            archives[words] = folder / "unpacked"
        return archives[words]

    return write


def run_script(folder, tmp_path):
    blocked = tmp_path / "without_torch.py"
    blocked.write_text(WITHOUT_TORCH)
    return subprocess.run(
        [sys.executable, "-I", blocked, folder / "reproduce.py", "0.05"],
        cwd="/", env={}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def artifact_of(measured, case, backend):
    record = read_baseline(measured.folder / "run.json").records[case, backend]
    return measured.cache / record.artifact["folder"] / record.artifact["file"]


def model_of(folder):
    return folder / ("model.xml" if (folder / "model.xml").exists() else "model.onnx")


def run_engine(backend, model, image):
    """Return an engine's outputs and the graph that it executes."""
    from pytest_formfunc.backends import backend_entry

    engine = backend_entry(backend).make(1)
    engine.load(None, model)
    engine.set_inputs((image,))
    return engine.outputs(), engine.graph()


def constants_of(model):
    """Return the constants of floats with more than one value, by shape; of OpenVINO or ONNX."""
    import onnx
    import openvino
    from onnx import numpy_helper

    if model.suffix == ".onnx":
        found = [numpy_helper.to_array(one) for one in onnx.load(model).graph.initializer]
    else:
        nodes = openvino.Core().read_model(model).get_ordered_ops()
        found = [np.array(node.get_data()) for node in nodes if node.get_type_name() == "Constant"]
    return [one for one in found if one.dtype == np.float32 and one.size > 1 and one.std() > 0]


@pytest.mark.engine("onnx", "onnxruntime")
@pytest.mark.parametrize("case", [PATTERN, OWN])
@pytest.mark.parametrize("backend", ENGINES)
def test_the_script_runs_without_torch(write, tmp_path, case, backend):
    """It needs the engine and numpy alone, and prints the engine's version and a median latency."""
    folder = write(case, backend)
    done = run_script(folder, tmp_path)
    assert done.returncode == 0, done.stderr
    assert importlib.metadata.version(ENGINES[backend]) in done.stdout
    assert float(re.search(r"median latency: (\S+) ms", done.stdout)[1]) > 0
    assert "; all finite" in done.stdout
    script = (folder / "reproduce.py").read_text()
    assert "torch" not in re.findall(r"^ *(?:import|from) (\w+)", script, re.M)
    other = tmp_path / "other"
    other.mkdir()
    (other / "reproduce.py").write_text(script.replace("import numpy", "import torch, numpy"))
    assert "no torch here" in run_script(other, tmp_path).stderr, "this test could not fail"


@pytest.mark.engine("onnx", "onnxruntime")
@pytest.mark.parametrize("backend", ENGINES)
def test_a_model_of_ones_own_becomes_a_twin(write, measured, backend):
    """Other weights of the same size, the same graph, other outputs, all finite."""
    image = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    original, twin = artifact_of(measured, OWN, backend), model_of(write(OWN, backend))
    before, after = constants_of(original), constants_of(twin)
    assert [one.shape for one in before] == [one.shape for one in after]
    assert max(one.size for one in before) >= 80 * 16 * 9
    for one, other in zip(before, after, strict=True):
        assert (one != other).mean() > 0.99
        if one.size > 1000:
            assert other.std() == pytest.approx(one.std(), rel=0.1)
            assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1
    outputs, graph = run_engine(backend, original, image)
    twins, twin_graph = run_engine(backend, twin, image)
    assert graph["hash"] == twin_graph["hash"]
    assert np.isfinite(twins[0]).all()
    assert not np.allclose(outputs[0], twins[0], atol=1e-3)
    # Two twins have nothing in common that the original could be computed from.
    again = constants_of(model_of(write(OWN, backend, run="run.jsonl")))
    assert all((one != other).mean() > 0.99 for one, other in zip(after, again, strict=True))


@pytest.mark.engine("onnx", "onnxruntime")
@pytest.mark.parametrize("backend", ENGINES)
def test_weights_are_shared_where_that_is_asked_for(write, measured, backend):
    image = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    folder = write(OWN, backend, "--with-weights")
    outputs, _ = run_engine(backend, artifact_of(measured, OWN, backend), image)
    shared, _ = run_engine(backend, model_of(folder), image)
    np.testing.assert_allclose(outputs[0], shared[0], rtol=1e-5, atol=1e-6)
    assert "The weights are those that were measured." in (folder / "README.md").read_text()


@pytest.mark.engine("onnx", "onnxruntime")
@pytest.mark.parametrize("backend", ENGINES)
def test_a_pattern_is_shared_as_it_is(write, measured, backend):
    folder = write(PATTERN, backend)
    before, after = constants_of(artifact_of(measured, PATTERN, backend)), constants_of(model_of(folder))
    assert before
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    assert "pytest-formfunc makes from a seed" in (folder / "README.md").read_text()


@pytest.mark.engine("onnx", "onnxruntime")
@pytest.mark.parametrize("more", [(), ("--with-weights",)])
@pytest.mark.parametrize("backend", ENGINES)
def test_nothing_says_who_made_it_or_where(write, as_alexandra, backend, more):
    """Neither folders nor names are in any file, though the model's own files and names have them."""
    folder = write(OWN, backend, *more)
    parts = artifact_of(as_alexandra, OWN, backend)
    whole = b"".join(file.read_bytes() for file in parts.parent.glob(f"{parts.stem}*"))
    assert USER.encode() in whole
    if backend == "onnxruntime":
        assert b"alexandra-home" in whole  # of any process whose cache this is
        assert b"stack_trace" in whole
    for file in folder.iterdir():
        content = file.read_bytes()
        for secret in (
            USER,
            HOST,
            str(as_alexandra.folder),
            str(as_alexandra.folder.parent),
            sys.prefix,
            "stack_trace",
        ):
            assert secret.encode() not in content, f"{secret} is in {file.name}"
        assert not re.search(rb"(?<![\w.])/(?:home|root|tmp|work)\b", content) or file.suffix in (".bin", ".data")


@pytest.mark.engine("onnx", "onnxruntime")
def test_its_texts_say_what_was_measured(write, as_alexandra):
    """The record reads like the run's; the words have its figures; versions and machine are there."""
    folder = write(OWN, "openvino", run="run.jsonl")
    record = read_baseline(as_alexandra.folder / "run.json").records[OWN, "openvino"]
    shared = Record.from_json(json.loads((folder / "record.json").read_text()))
    assert shared.latency_s == record.latency_s
    assert shared.samples == record.samples
    assert record.artifact
    assert not shared.artifact
    text = (folder / "README.md").read_text()
    assert f"{record.launches} launches" in text
    assert f"{record.rounds} round" in text
    assert "- Latency on PyTorch (eager)" in text
    for kernel in record.graph["kernels"]:
        assert f"`{kernel}`" in text
    versions = json.loads((folder / "versions.json").read_text())
    assert versions["run"] == record.host["versions"]
    machine = json.loads((folder / "machine.json").read_text())
    assert machine["cpu"] in text
    assert set(machine) >= {"cpu", "isa", "cores", "llc_bytes"}
    assert "alexandra" not in Path(folder / "README.md").read_text()


@pytest.mark.engine("onnx", "onnxruntime")
def test_a_pattern_is_converted_again_where_it_is_gone(write, tmp_path):
    """A model of a test's own is not: one sentence says how it is measured again."""
    folder = write(PATTERN, "openvino", "--cache-dir", tmp_path / "none")
    assert "It was converted again" in (folder / "README.md").read_text()
    assert run_script(folder, tmp_path).returncode == 0
    gone = command(
        "issue",
        "run.json",
        OWN,
        "--backend",
        "openvino",
        "--cache-dir",
        tmp_path / "none",
        "--output",
        tmp_path / "x.zip",
    )
    assert gone.code == 4
    assert "is gone" in gone.text
    assert "measure it again: pytest 'test_own.py::test_net[openvino]'" in gone.text
    assert not (tmp_path / "x.zip").exists()


@pytest.mark.engine("onnx", "onnxruntime")
def test_native_has_no_model_and_says_why(write):
    folder = write(OWN, "native")
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md", "machine.json", "record.json", "versions.json",
    ]  # fmt: skip
    assert "There is no model here, because native" in (folder / "README.md").read_text()


@pytest.mark.engine("onnx", "onnxruntime")
def test_what_is_left_over_stops_it(as_alexandra, tmp_path, monkeypatch):
    """If a file still has what may not be said, nothing is written."""
    texts = {"README.md": "a report", "reproduce.py": f"# by {USER}"}
    monkeypatch.setattr("pytest_formfunc.issue.archive._texts", lambda said, shared, files: texts)
    before = sorted(tmp_path.iterdir())
    outcome = command(
        "issue",
        "run.json",
        OWN,
        "--backend",
        "onnxruntime",
        "--cache-dir",
        as_alexandra.cache,
        "--output",
        tmp_path / "x.zip",
    )
    assert outcome.code == 4
    assert "no archive is written: reproduce.py would hold the name of its user" in outcome.text
    assert len(outcome.text.strip().splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.engine
def test_a_model_that_has_changed_is_not_shared_with_its_weights(as_alexandra, tmp_path, monkeypatch):
    """Of a function of the user's, a twin can be made again; its weights are shared only if they are those measured."""
    as_alexandra.write("nets.py", "from torch import nn\n\ndef build():\n    return nn.Conv2d(3, 8, 3)\n")
    document = json.loads((as_alexandra.folder / "run.json").read_text())
    (entry,) = (
        one
        for one in document["benchmarks"]
        if (one["extra_info"]["formfunc"]["case"], one["extra_info"]["formfunc"]["backend"]) == (PATTERN, "openvino")
    )
    entry["extra_info"]["formfunc"] |= {"case": "nets:build-1x3x32x32", "form": {"kind": "model", "name": "nets:build"}}
    entry["extra_info"]["formfunc"]["artifact"] = {"folder": "gone-0", "file": "model.xml"}
    as_alexandra.write("named.json", json.dumps({**document, "benchmarks": [entry]}))
    given = ["issue", "named.json", "nets:build-1x3x32x32", "--cache-dir", tmp_path / "cache", "--output"]
    twin = command(*given, tmp_path / "twin.zip")
    assert twin.code == 0, twin.text
    refused = command(*given, tmp_path / "weights.zip", "--with-weights")
    assert refused.code == 4
    assert "is not the model that was measured any more" in refused.text
    assert not (tmp_path / "weights.zip").exists()
