"""A user's samples for quantisation: what is read, what is refused, and that activation ranges come from them."""

import numpy as np
import pytest
import torch
from support.project import MATRIX

from pytest_formfunc.calibration import (
    CALLS,
    check_calibration,
    digest_samples,
    read_calibration,
    write_calls,
)
from pytest_formfunc.errors import BadInput, MeasurementError
from pytest_formfunc.forms.built import Inputs

ONE = Inputs((torch.zeros(2, 3, 4, 4),))
NAMED = Inputs((), {"ids": torch.zeros(1, 8, dtype=torch.int64), "mask": torch.zeros(1, 8)})


def test_an_array_is_cut_into_batches(tmp_path):
    samples = np.arange(5 * 48, dtype=np.float64).reshape(5, 3, 4, 4)
    np.save(tmp_path / "a.npy", samples)
    calls = read_calibration(tmp_path / "a.npy", ONE)
    assert len(calls) == 2  # one sample is left over
    assert calls[1].args[0].dtype == torch.float32
    assert torch.equal(calls[1].args[0], torch.from_numpy(samples[2:4]).float())


@pytest.mark.parametrize("names", [("ids", "mask"), ("arr_0", "arr_1")])
def test_arrays_by_name_or_in_order(tmp_path, names):
    arrays = [np.arange(24).reshape(3, 8), np.ones((3, 8), dtype=np.float32)]
    np.savez(tmp_path / "a.npz", **dict(reversed([*zip(names, arrays, strict=True)])))
    calls = read_calibration(tmp_path / "a.npz", NAMED)
    assert [call.kwargs["ids"].tolist() for call in calls] == [[row] for row in arrays[0].tolist()]
    assert all(call.kwargs["mask"].sum() == 8 for call in calls)


def test_calls_of_a_test_come_back_as_they_were(tmp_path):
    calls = [Inputs((torch.full((2, 3, 4, 4), float(value)),)) for value in (1, 2)]
    write_calls(tmp_path / f"a{CALLS}", calls)
    assert [call.args[0].max() for call in read_calibration(tmp_path / f"a{CALLS}", ONE)] == [1, 2]
    write_calls(tmp_path / f"b{CALLS}", [Inputs((torch.ones(2, 3, 5, 5),))])
    with pytest.raises(BadInput, match="must have the shapes, types and names of the example input"):
        read_calibration(tmp_path / f"b{CALLS}", ONE)


@pytest.mark.parametrize(
    ("array", "example", "says"),
    [
        (np.zeros((4, 3, 5, 5)), ONE, "has an array of 4x3x5x5, and the input is 2x3x4x4"),
        (np.zeros((1, 3, 4, 4)), ONE, "at least a batch"),
        (np.zeros((2, 3, 4, 4), dtype=complex), ONE, "has an array of complex128, and the input is float32"),
        (np.zeros((1, 8)), NAMED, "must have an array for each input, ids, mask, and has one array without a name"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, array, example, says):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(BadInput, match=says):
        read_calibration(tmp_path / "a.npy", example)


def test_arrays_of_different_lengths_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", ids=np.zeros((3, 8), dtype=int), mask=np.zeros((2, 8), dtype=np.float32))
    with pytest.raises(BadInput, match="different numbers of samples"):
        read_calibration(tmp_path / "a.npz", NAMED)


@pytest.mark.parametrize("content", [b"", b"hello there", bytes(100), b"PK\x03\x04 no archive"])
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_file_without_arrays_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match="holds no arrays of numbers, despite its ending"):
        check_calibration(tmp_path / name)


def test_pickles_are_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="holds no arrays of numbers"):
        check_calibration(tmp_path / "a.npy")


def test_a_missing_file_and_one_of_another_kind_are_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        check_calibration(tmp_path / "a.npy")
    with pytest.raises(BadInput, match="has no known ending"):
        check_calibration(tmp_path / "a.csv")
    with pytest.raises(MeasurementError, match="cannot be read"):
        digest_samples(str(tmp_path / "a.npy"))


NETS = """
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.Linear(16, 10))
"""
TEST = """
import torch
from nets import build

def test_net(formfunc):
    torch.manual_seed(0)
    calls = [1000 * torch.randn(4, 3, 4, 4) for _ in range(9)]
    formfunc(build(), calls[0], calibration=calls)

def test_none(formfunc):
    formfunc(build(), torch.randn(4, 3, 4, 4), calibration=[])

def test_other(formfunc):
    formfunc(build(), torch.randn(4, 3, 4, 4), calibration=[torch.randn(4, 3, 5, 5)])
"""


@pytest.mark.engine("nncf")
def test_ranges_are_taken_from_the_samples_that_are_given(project):
    """With samples given to the fixture, inputs 1000 times larger than drawn ones keep parity; the option works too."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("nets.py", NETS)
    project.write("test_nets.py", TEST)
    project.write("test_forms.py", MATRIX)
    rng = np.random.default_rng(0)
    np.save(project.folder / "samples.npy", rng.standard_normal((12, 3, 4, 4)))
    outcome = project.measure(
        "--formfunc-model", "nets:build", "--formfunc-input", "1x3x4x4", "--formfunc-calibration", "samples.npy",
        "--formfunc-backends", "openvino-int8", "--formfunc-budget", "200ms", "--benchmark-json", "out.json",
    )  # fmt: skip
    assert "2 failed, 3 passed" in outcome.text, outcome.text
    assert "calibration contains no calls" in outcome.text
    assert "must have the shapes, types and names of the example input" in outcome.text
    found = {case: one["accuracy"] for (case, _), one in project.records("out.json").items() if "accuracy" in one}
    assert set(found) == {"test_nets.py::test_net", "nets:build-1x3x4x4"}
    accuracy = found["test_nets.py::test_net"]
    assert accuracy["calibration_from"] == accuracy["inputs_from"] == "given"
    assert (accuracy["calibration_inputs"], accuracy["inputs"]) == (6, 3)
    assert accuracy["sqnr_db"] > 20
    accuracy = found["nets:build-1x3x4x4"]
    assert (accuracy["calibration_from"], accuracy["calibration_inputs"]) == ("given", 9)
    alone = project.measure(
        "test_nets.py::test_net", "--formfunc-backends", "openvino-int8", "--formfunc-budget", "200ms", "--benchmark-json",
        "alone.json",
    )  # fmt: skip
    assert alone.code == 0, alone.text
    (accuracy,) = [one["accuracy"] for one in project.records("alone.json").values() if "accuracy" in one]
    assert (accuracy["calibration_from"], accuracy["calibration_inputs"]) == ("given", 6)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--formfunc-calibration", "a.npy"), "--formfunc-calibration is for your own models: name them with"),
        (("--formfunc-calibration", "a.npy", "--formfunc-model", "nets:build"), "a.npy cannot be read"),
        (("--formfunc-calibration", "a.csv", "--formfunc-model", "nets:build"), "has no known ending"),
    ],
)
def test_bad_calibration_is_wrong_usage(bench, arguments, says):
    bench.write("nets.py", NETS)
    outcome = bench.pytest(*arguments)
    assert outcome.code == 4
    assert says in outcome.line("ERROR: ")
