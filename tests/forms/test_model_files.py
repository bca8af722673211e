"""Model files and programs in whole runs: by option and by fixture, side by side, too large, and faulty ones."""

import pytest
import torch
from support.model_files import bert_folder, encoder_onnx, exported_program, one_node_onnx
from support.project import git

FORMS = "def test_form(formfunc, formfunc_case, formfunc_backend):\n    formfunc(formfunc_case)\n"
FILE_NATIVES = [
    "openvino",
    pytest.param("onnxruntime", marks=pytest.mark.engine("onnxruntime")),
]  # engines that can replace native for a file
QUICK = ("--formfunc-budget", "200ms")


def test_a_file_without_a_pytorch_form_asks_what_it_is_compared_with(bench):
    """The error comes before anything is measured, as does the one about open sizes."""
    encoder_onnx(bench.folder / "net.onnx")
    outcome = bench.pytest("--formfunc-model", "net.onnx", "--formfunc-input", "1x8")
    assert outcome.code == 4
    assert outcome.line("ERROR: ") == (
        "ERROR: formfunc: net.onnx has no PyTorch form: say what it is compared with, e.g. --formfunc-native onnxruntime"
    )
    outcome = bench.pytest("--formfunc-model", "net.onnx", "--formfunc-native", "openvino")
    assert outcome.code == 4
    assert "net.onnx has inputs whose shape is open: input_ids (batchxsequence, i64)" in outcome.line("ERROR: ")
    outcome = bench.pytest("--formfunc-patterns", "plain", "--formfunc-input", "1x8:i64")
    assert outcome.code == 4
    assert "patterns and architectures take one image, like 1x3x224x224, not 1x8:i64" in outcome.line("ERROR: ")


def test_several_inputs_are_cases_of_their_own(bench):
    """A case's id includes its shape if that is not the default one."""
    outcome = bench.pytest("--collect-only", "-q", "--formfunc-patterns", "plain", "--formfunc-depths", "2",
                           "--formfunc-input", "1x3x224x224,8x3x32x32")  # fmt: skip
    assert outcome.code == 0, outcome.text
    for case in ("plain-d2-w64", "plain-d2-w64-8x3x32x32"):
        assert f"test_form[{case}-native]" in outcome.text


FAULTS = """
import pytest
from torch import nn

CALLS = {
    "custom": lambda run: run("custom.onnx"),
    "unknown": lambda run: run("unknown.onnx"),
    "garbage": lambda run: run("garbage.onnx"),
    "suffix": lambda run: run("notes.txt"),
    "absent": lambda run: run("absent.onnx"),
    "open": lambda run: run("fine.onnx"),
    "names": lambda run: run("fine.onnx", {"ids": __import__("torch").ones(1, 2)}),
    "guard": lambda run: run("net.pt2", __import__("torch").ones(1, 3, 9, 9)),
}

@pytest.mark.parametrize("what", CALLS)
def test_it(formfunc, what):
    CALLS[what](formfunc)
"""


@pytest.mark.parametrize("native", FILE_NATIVES)
def test_a_faulty_file_fails_its_own_test_with_one_sentence(project, native):
    """Errors about operators name engine and operator; the others say what is wrong with which file."""
    one_node_onnx(project.folder / "custom.onnx", "MyOp", domain="my.domain")
    one_node_onnx(project.folder / "unknown.onnx", "Nonesuch")
    project.write("garbage.onnx", "hello there")
    project.write("notes.txt", "hello there")
    encoder_onnx(project.folder / "fine.onnx")
    torch.export.save(exported_program(), project.folder / "net.pt2")
    text = FAULTS.replace('run("custom.onnx")', 'run("custom.onnx", __import__("torch").ones(1, 3))')
    project.write(
        "test_it.py", text.replace('run("unknown.onnx")', 'run("unknown.onnx", __import__("torch").ones(1, 3))')
    )
    outcome = project.measure("--formfunc-native", native, *QUICK)
    assert outcome.code == 1
    assert "8 failed" in outcome.text, outcome.text
    assert "Traceback" not in outcome.text
    for what, sentence in {
        "custom": "cannot read custom.onnx: it has no operator my.domain.MyOp",
        "unknown": "cannot read unknown.onnx: it has no operator Nonesuch",
        "garbage": "is not an ONNX model, despite its ending",
        "suffix": "notes.txt is not a model file: formfunc takes .onnx, .xml and .pt2",
        "absent": "there is no file",
        "open": "fine.onnx has inputs whose shape is open",
        "names": "fine.onnx takes 2 inputs: input_ids, attention_mask",
        "guard": "the model raises AssertionError: Guard failed",
    }.items():
        assert sentence in outcome.text, f"{what}: {outcome.text}"


def test_an_exported_program_and_a_file_beside_it_in_a_users_own_test(project):
    """A program's inputs may be left out, and a .onnx without --formfunc-native fails with one sentence."""
    torch.export.save(exported_program(), project.folder / "net.pt2")
    encoder_onnx(project.folder / "net.onnx")
    project.write(
        "test_mine.py",
        "import torch\nfrom pathlib import Path\n\n"
        "def test_program(formfunc):\n    program = torch.export.load('net.pt2')\n"
        "    assert formfunc(program).record.input_shape == (2, 3, 32, 32)\n"
        "def test_sizes(formfunc):\n"
        "    assert formfunc(Path('net.pt2'), torch.randn(3, 3, 32, 32)).record.batch == 3\n"
        "def test_file(formfunc):\n    formfunc('net.onnx', (torch.ones(1, 2).long(), torch.ones(1, 2).long()))\n",
    )
    outcome = project.measure(*QUICK)
    assert "1 failed, 2 passed" in outcome.text, outcome.text
    assert "net.onnx has no PyTorch form: say what it is compared with" in outcome.text


def test_a_model_larger_than_memory_is_refused_with_both_figures(bench):
    """The size of a factory's weights is found without making them, and the other models are measured."""
    bench.write(
        "nets.py",
        "from torch import nn\n\ndef build(size=2000):\n    return nn.Sequential(nn.Flatten(), nn.Linear(3072, size))\n",
    )
    bench.write(
        "conftest.py",
        "from pytest_formfunc import host\nfrom pytest_formfunc.measure import memory\n"
        'memory.memory_limit = lambda: host.MemoryLimit(10_000_000, "the container\'s limit")\n',
    )
    outcome = bench.measure("--formfunc-model", "nets:build,nets:build(size=10)", *QUICK)
    assert outcome.code == 1
    assert (
        "nets:build-1x3x32x32 does not fit: its weights need 25 MB in each of 3 processes, and there are 10 MB (the container's limit)"
        in outcome.text
    )
    assert "2 failed, 2 passed" in outcome.text, outcome.text


def test_files_are_compared_with_the_other_revisions(repository):
    """A file that did not change is unchanged and a new one is new, given by option or in a test."""
    torch.export.save(exported_program(), repository.folder / "net.pt2")
    repository.write("test_forms.py", FORMS)
    repository.write("test_net.py", "def test_net(formfunc):\n    formfunc('net.pt2')\n")
    git(repository.folder, "add", "-A")
    git(repository.folder, "commit", "-qm", "two")
    torch.export.save(exported_program(), repository.folder / "other.pt2")
    outcome = repository.measure(
        "--formfunc-against", "HEAD", "--formfunc-model", "net.pt2,other.pt2", "--formfunc-gate", "graph",
        "--benchmark-json", "out.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    verdicts = {
        case: record["verdict"]["status"]
        for (case, name), record in repository.records("out.json").items()
        if name == "openvino"
    }
    assert verdicts == {
        "net.pt2-1x3x32x32": "unchanged", "other.pt2-1x3x32x32": "new", "test_net.py::test_net": "unchanged",
    }  # fmt: skip


@pytest.mark.engine("transformers")
def test_models_without_code_are_compared_with_the_other_revisions(repository):
    """ONNX, IR and transformers: what did not change is unchanged; a file that was no model then is not comparable."""
    import openvino

    encoder_onnx(repository.folder / "net.onnx", external=True)
    openvino.save_model(openvino.Core().read_model(repository.folder / "net.onnx"), repository.folder / "net.xml")
    bert_folder(repository.folder / "tiny")
    repository.write("fixed.onnx", "hello there")
    repository.write("test_forms.py", FORMS)
    git(repository.folder, "add", "-A")
    git(repository.folder, "commit", "-qm", "two")
    for name in ("fixed.onnx", "other.onnx"):
        encoder_onnx(repository.folder / name)
    outcome = repository.pytest(
        "test_forms.py", "--formfunc-against", "HEAD", "--formfunc-gate", "graph", "--formfunc-native", "openvino",
        "--formfunc-model", "net.onnx,net.xml,hf:tiny,fixed.onnx,other.onnx",
        "--formfunc-input", "input_ids=1x8:i64+attention_mask=1x8:i64", "--formfunc-threads", "1",
        f"--formfunc-cache-dir={repository.cache}", "--benchmark-json", "out.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    verdicts = {
        case.partition("-input_ids")[0]: record["verdict"]
        for (case, name), record in repository.records("out.json").items()
        if name == "openvino"
    }
    assert {case: verdict["status"] for case, verdict in verdicts.items()} == {
        "net.onnx": "unchanged", "net.xml": "unchanged", "hf:tiny": "unchanged", "fixed.onnx": "not comparable",
        "other.onnx": "new",
    }  # fmt: skip
    assert "is not an ONNX model, despite its ending (at HEAD" in verdicts["fixed.onnx"]["reason"]
