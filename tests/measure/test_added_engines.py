"""Workers and entries that others added: artifacts depend on their code, and a fault affects only its own entry."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.extensions import FORMS, HELPERS

from pytest_formfunc import extensions
from pytest_formfunc.backends import BackendEntry
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.extensions import Extensions
from pytest_formfunc.forms.architectures import ArchitectureEntry
from pytest_formfunc.forms.patterns import PatternEntry
from pytest_formfunc.forms.sources import ArchitectureSource, PatternSource, uses_added_code
from pytest_formfunc.measure.artifacts import find_prepared
from pytest_formfunc.measure.workers import JobFailed, WorkerServer

pytestmark = pytest.mark.engine

SHIFTED = PatternSource("shifted", 1, 8, (1, 3, 16, 16))
TINY = ArchitectureSource("tiny", (1, 3, 32, 32))
POINTWISE = PatternSource("pointwise", 1, 8, (1, 3, 16, 16))
ADDED = Extensions(
    (PatternEntry("shifted", "myforms:Shifted"),),
    (ArchitectureEntry("tiny", "myforms:Tiny", params=314, macs=0.2, side=32),),
    (
        BackendEntry("last", "myforms:Last"),
        BackendEntry("wrong", "myforms:Tiny"),
        BackendEntry("bare", "myforms:Engine"),
    ),
)


@pytest.fixture(scope="module")
def server():
    one = WorkerServer(timeout_s=60, threads=1, preload=("torch.export._trace",))  # else each first export imports it
    yield one
    one.close()


@pytest.fixture
def prepare(server, tmp_path, monkeypatch):
    """Prepare a source in a worker, with the entries that are in use."""
    (tmp_path / "myforms.py").write_text(FORMS)
    (tmp_path / "helpers.py").write_text(HELPERS)
    monkeypatch.syspath_prepend(tmp_path)
    extensions.use(ADDED)

    def ask(source, *backends):
        engines = {name: name for name in ("native", *backends)}
        job = server.job("prepare", source=source, engines=engines, cache=str(tmp_path / "cache"))
        with server.worker(job, "preparing") as worker:
            return worker.receive()

    yield ask
    extensions.use(Extensions())


def change(tmp_path, name, old, new):
    text = (tmp_path / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))


def test_artifacts_depend_on_the_code_of_added_forms_and_engines(prepare, tmp_path):
    """A form is converted again if its module, or one beside it that this imports, changed; otherwise it is reused."""
    assert prepare(SHIFTED, "last").converted == ("weights.pt",)
    assert prepare(SHIFTED, "last").converted == ()
    change(tmp_path, "helpers.py", "torch.relu(x)", "torch.relu(x) + 0.5")
    assert prepare(SHIFTED, "last").converted == ("weights.pt",)
    assert prepare(POINTWISE, "last").converted == ("weights.pt",)
    assert prepare(POINTWISE, "last").converted == ()
    change(tmp_path, "myforms.py", "channels last", "channels at the end")
    assert prepare(POINTWISE, "last").converted == ("weights.pt",)
    assert prepare(POINTWISE).converted == ("weights.pt",)
    (tmp_path / "other.py").write_text("unrelated = True\n")
    assert prepare(SHIFTED, "last").converted == ("weights.pt",)
    assert prepare(SHIFTED, "last").converted == ()


def test_the_parent_imports_no_added_module(prepare, tmp_path):
    """A worker finds out whether artifacts exist, so a module that raises an exception cannot end the run."""
    (tmp_path / "myforms.py").write_text("raise SystemExit('imported in the parent')\n")
    assert uses_added_code(SHIFTED)
    assert find_prepared(SHIFTED, {"native": "native"}, str(tmp_path), 1) is None
    assert find_prepared(POINTWISE, {"native": "native", "last": "last"}, str(tmp_path), 1) is None


def test_an_engine_that_cannot_be_used_is_refused_alone(prepare):
    """The other engines are prepared."""
    prepared = prepare(POINTWISE, "last", "wrong", "bare")
    assert set(prepared.artifacts) == {"native", "last"}
    assert prepared.refused == {
        "wrong": "backend 'wrong' (myforms:Tiny) must be a subclass of pytest_formfunc.backends.base.Engine",
        "bare": "backend 'bare' (myforms:Engine): its artifact is None and must be a file's name",
    }


def test_engines_that_would_overwrite_each_others_artifact_are_refused(prepare, tmp_path):
    """Engines share files of the same name, so all of them must make it in the same way."""
    change(
        tmp_path,
        "myforms.py",
        '"""Eager, channels last."""',
        "@classmethod\n    def prepare(cls, network, artifact):\n        artifact.write_text('mine')\n",
    )
    with pytest.raises(JobFailed, match=r"backends 'native' and 'last' both call their artifact weights\.pt and make"):
        prepare(POINTWISE, "last")


@pytest.mark.parametrize(
    ("source", "old", "new", "sentence"),
    [
        (
            SHIFTED,
            "return channels * width + width",
            "return channels * width",
            r"pattern 'shifted' \(myforms:Shifted\) says 9,\d{3} params of shifted-d1-w8, and it has 9,\d{3}",
        ),
        (
            SHIFTED,
            "return channels * width * height * width_px",
            "return channels * width * height",
            r"pattern 'shifted' \(myforms:Shifted\) says 1\d,\d{3} macs of shifted-d1-w8, and it has 1\d,\d{3}",
        ),
        (SHIFTED, "def count_params", "def count_parameters", r"TypeError: Can't instantiate abstract class Shifted"),
        (
            TINY,
            "nn.Linear(8, 10)",
            "nn.Linear(8, 11)",
            r"architecture 'tiny' \(myforms:Tiny\) says 314 params of tiny, and it has 323",
        ),
        (
            TINY,
            "class Tiny(nn.Module):\n    def __init__(self):\n        super().__init__()",
            "class Tiny(nn.Module):\n    def __init__(self, classes):\n        super().__init__()",
            r"architecture 'tiny' raises TypeError: .*missing 1 required positional argument: 'classes'",
        ),
        (TINY, "nn.Linear(8, 10)", "1 / 0", r"architecture 'tiny' raises ZeroDivisionError: division by zero"),
        (TINY, "class Tiny(nn.Module)", "class Tiny(dict)", r"'tiny' must make a torch\.nn\.Module, not Tiny"),
        (TINY, "import torch", "import torchh", r"architecture 'tiny' \(myforms:Tiny\) does not import: Module"),
    ],
    ids=["params", "macs", "abstract", "figures", "arguments", "raises", "no_module", "import"],
)
def test_a_wrong_added_form_fails_with_one_sentence(prepare, tmp_path, source, old, new, sentence):
    """Figures are checked on the network itself, and errors of the author's code are reported."""
    change(tmp_path, "myforms.py", old, new)
    with pytest.raises(JobFailed, match=sentence):
        prepare(source)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ("def time_call(self):\n        return 0", "the clock stood still: a call took 0 s"),
        ("def time_call(self):\n        return -5000", "the clock went back: a call took -5e-06 s"),
        ("def time_call(self):\n        return float('nan')", "the clock gave no time: a call took nan s"),
        ("inferences = -1", "the clock went back: a call took -"),
    ],
    ids=["zero", "negative", "nan", "batches"],
)
def test_an_engine_whose_calls_take_no_time_is_refused_in_a_sentence(server, prepare, tmp_path, broken, sentence):
    """Whether its own clock says so, or it computes fewer batches than one."""
    from pytest_formfunc.measure.protocol import Turn

    change(tmp_path, "myforms.py", '"""Eager, channels last."""', broken)
    prepared = prepare(SHIFTED, "last")
    artifact = str(Path(prepared.folder) / prepared.artifacts["last"])
    job = server.job(
        "measure", engine="last", source=SHIFTED, artifact=artifact, seeds=(0, 1), keep_memory=False, graph=False,
        slow_down=0.0, outputs_to=f"{prepared.folder}/outputs",
    )  # fmt: skip
    with server.worker(job, "worker") as worker, pytest.raises(MeasurementError) as found:  # noqa: PT012
        worker.receive()
        worker.ask(Turn(1, 3))
    assert str(found.value).startswith(sentence)


def test_a_function_may_make_an_architecture_and_must_make_a_module(prepare, tmp_path):
    """A class is not needed, but the function must return a module."""
    change(tmp_path, "myforms.py", "class Tiny(nn.Module)", "class _Tiny(nn.Module)")
    with open(tmp_path / "myforms.py", "a") as file:
        file.write("\n\ndef Tiny():\n    return _Tiny()\n")
    assert prepare(TINY).cost["params"] == 314
    change(tmp_path, "myforms.py", "return _Tiny()", "return 3")
    with pytest.raises(JobFailed, match=r"must make a torch\.nn\.Module, not int"):
        prepare(TINY)


def test_what_an_added_engine_needs_is_named(tmp_path):
    """No extra of this package would install it."""
    entry = replace(ADDED.backends[0], distributions=("no-such-engine",))
    assert entry.why_not_installed() == "no-such-engine is not installed (pip install no-such-engine)"


def test_measured_latencies_of_an_added_engine_come_from_its_own_process(server, prepare):
    """A worker loads it, gives its outputs and takes turns."""
    from pytest_formfunc.measure.protocol import Turn

    prepared = prepare(SHIFTED, "last")
    artifact = str(Path(prepared.folder) / prepared.artifacts["last"])
    job = server.job(
        "measure", engine="last", source=SHIFTED, artifact=artifact, seeds=(0, 1), keep_memory=False, graph=True, slow_down=0.0,
        outputs_to=f"{prepared.folder}/outputs",
    )  # fmt: skip
    with server.worker(job, "worker") as worker:
        assert worker.receive().precision == "f32"
        assert len(worker.ask(Turn(1, 3)).calls_s) == 3
