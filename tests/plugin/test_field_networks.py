"""Networks that once had a wrong figure or a wrong sentence, on the real engines: each is measured, or says what is so."""

from pathlib import Path

import pytest
from support.field_networks import NETS
from support.project import Project

pytestmark = pytest.mark.engine

MEASURED = {
    "makes_its_mask", "adds_in_place", "sums", "sums_of_ones", "zeros", "takes_logarithms", "attends",
    "hides_infinities", "scales", "ranks", "normalises", "bfloat16", "double", "numpy_input", "lazy_linear",
    "sets_threads", "two_scales", "compiled", "scripted", "uses_autocast", "rounds_its_output", "starts_processes",
    "takes_a_word", "is_deterministic",
}  # fmt: skip
SENTENCES = {
    "growing": "native gets slower from call to call",
    "counts": "native answers differently each time: two calls on copies of one input do not agree, because its buffer "
    "'number_of_calls' changes from call to call",
    "encodes": "say is_causal=True (or False) where torch.nn.TransformerEncoder is called",
    "branches": "keep it a tensor",
    "quantised": "it has layers that torch.ao.quantization has quantised already",
    "amplifies": "the network amplifies rounding, which is not the engine's fault",
    "remembers": "torch.export has lost something that the module does",
    "is_picky": "for an input that we drew like the example",
    "drops": "native answers differently each time",
    "structured": "an object of a class of its own is among its inputs or outputs",
    "constant": "native ignores its input: it gives the same output, to 1e-06, for 4 different inputs, the example and "
    "others that we drew like it",
}


@pytest.fixture(scope="module")
def field(tmp_path_factory, artifact_cache):
    """One run of all of them; ``said`` is each failed test's sentence."""
    project = Project(tmp_path_factory.mktemp("field"), artifact_cache)
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_nets.py", NETS)
    project.outcome = project.measure("--benchmark-json=out.json", "--junitxml=junit.xml", timeout=600)
    project.said = {
        name.replace("openvino-", "").replace("[openvino]", ""): text for name, text in project.failures().items()
    }
    return project


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_an_ordinary_network_is_measured(field, name):
    """As it is, on the input as given."""
    assert f"test_net[{name}]" not in field.said, field.said[f"test_net[{name}]"]
    assert (f"test_nets.py::test_net[{name}]", "openvino") in field.records("out.json")


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_another_says_what_is_so_and_of_whom(field, name):
    """The engine is not blamed for what native does."""
    said = field.said[f"test_net[{name}]"]
    assert SENTENCES[name] in said
    assert "\n" not in said


def test_the_sentence_begins_with_the_cause(field):
    """Not with the test's name, which pytest writes before it."""
    for name, said in field.said.items():
        assert "test_nets.py" not in said[:40], name


def test_a_name_in_the_report_can_be_given_to_pytest(field):
    """The test's own id, with its backend, where the case is one of several parameters."""
    text = field.outcome.text
    assert "not measured: test_nets.py::test_net[openvino-growing]: for the reason above" in " ".join(text.split())
    assert "native gets slower" in text
    rows = [line for line in text.splitlines() if line.startswith("test_nets.py::test_net[openvino-zeros]")]
    assert rows, text


def test_a_run_may_start_below_the_root(tmp_path, artifact_cache):
    """Names in the report are then relative to where it was started, as pytest's own."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    project = Project(tmp_path / "below", artifact_cache)
    project.write(
        "test_here.py",
        "import pytest, torch\nfrom torch import nn\n\n"
        "def test_plain(formfunc):\n    formfunc(nn.ReLU(), torch.linspace(-1, 1, 64)[None])\n\n"
        "@pytest.mark.parametrize('width', [8])\n"
        "def test_wide(formfunc, width):\n    formfunc(nn.Linear(width, 8), torch.ones(1, width))\n",
    )
    outcome = project.measure()
    text = " ".join(outcome.text.split())
    assert "2 passed" in text, outcome.text
    assert "test_here.py::test_plain " in text
    assert "test_here.py::test_wide[openvino-8] " in text, outcome.text
    assert "below/test_here.py::test_plain " not in text


def test_labels_say_what_native_is(field):
    """Beside the table: float64, half precision inside, compiled, scripted."""
    text = " ".join(field.outcome.text.split())
    for name, label in (
        ("double", "computes in f64"),
        ("uses_autocast", "computes in bf16"),
        ("compiled", "compiled by torch.compile"),
        ("scripted", "compiled by torch.jit.script"),
        ("is_deterministic", "deterministic algorithms on, float32 matmul precision medium"),
    ):
        assert f"native of test_nets.py::test_net[{name}]: {label}" in text, text
    for name in ("rounds_its_output", "zeros", "two_scales"):  # nor do a model's settings reach the next one
        assert f"native of test_nets.py::test_net[{name}]" not in text


def test_no_process_is_left(field):
    """Not even one that has a session of its own, when the worker that started it has been killed."""
    assert "test_net[starts_processes]" not in field.said
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if _arguments(path) == ["sleep", "86397"]]
    assert not left


def _arguments(path):
    try:
        return path.read_text().strip("\0").split("\0")
    except OSError:
        return []


def test_complex_outputs_are_compared_as_complex_or_refused(field):
    """Never by their real part alone."""
    said = field.said.get("test_net[transforms]", "")
    assert not said or "it has no rule for aten._fft" in said, said


def test_named_arguments_and_others(field):
    """They are part of the calls; another shape is refused with both."""
    assert "test_named" not in field.said
    assert (
        "input 1 of others must have the shapes, types and names of the example: it has 2x8 float32, and the "
        in (field.said["test_other_shape"])
    )


def test_the_fixture_may_be_used_in_unusual_ways(field):
    """A unittest method measures; beside benchmark there is a sentence; a test that never calls it is named."""
    assert ("test_nets.py::TestMethods::test_method", "openvino") in field.records("out.json"), field.outcome.text
    assert "takes both formfunc and benchmark" in field.said["test_both"]
    assert "formfunc belongs to one test, and a fixture of module scope asks for it" in field.said["test_wide_scope"]
    assert ("test_nets.py::test_model_of_wide_scope", "openvino") in field.records("out.json")
    assert "never called, so nothing was measured: test_nets.py::test_never_called" in " ".join(
        field.outcome.text.split()
    )


def test_a_method_cannot_be_repeated_for_several_backends(project):
    """One sentence, of that test alone."""
    project.write(
        "test_method.py",
        NETS.partition("torch.manual_seed(0)")[0]
        + NETS[NETS.index("class TestMethods") :]
        + "\n\ndef test_plain():\n    pass\n",
    )
    outcome = project.pytest("--formfunc-backends", "openvino,onnxruntime", "--junitxml=junit.xml")
    assert "1 passed, 1 error" in outcome.text, outcome.text
    assert "cannot repeat a method of a unittest.TestCase" in " ".join(outcome.text.split())


def test_a_test_that_never_calls_is_red_where_strict(project):
    """Nothing was judged."""
    project.write("test_nothing.py", "def test_nothing(formfunc):\n    pass\n")
    outcome = project.pytest("--formfunc-strict", "--junitxml=junit.xml")
    assert outcome.code == 1, outcome.text
    assert "never called it, so nothing was measured, which --formfunc-strict does not pass" in outcome.text


def test_models_that_no_test_takes_are_wrong_usage(project):
    """They would be measured by nobody."""
    project.write("test_own.py", "def test_own(formfunc):\n    pass\n")
    outcome = project.pytest("--formfunc-model", "nets:build")
    assert outcome.code == 4, outcome.text
    assert "no test here takes --formfunc-model nets:build" in outcome.text
