"""What a module's artifacts depend on, and what of it the last run had otherwise."""

import os
import time

import pytest

from pytest_formfunc.measure.module_content import ModuleContent

LATER = time.time() + 1e6


def test_what_differs_from_the_last_run_is_named(tmp_path):
    """Of a module with the same program; the run's own modules may differ on purpose."""
    first = ModuleContent("program", "weights", "inputs")
    assert first.compare_with_last(tmp_path, LATER) == ""  # no run before
    assert first.compare_with_last(tmp_path, LATER) == ""  # the same
    assert ModuleContent("program", "others", "inputs").compare_with_last(tmp_path, LATER) == "weights"
    assert ModuleContent("program", "others", "new").compare_with_last(tmp_path, LATER) == "example inputs"
    both = ModuleContent("program", "x", "y")
    assert both.compare_with_last(tmp_path, LATER) == "weights and example inputs"
    assert ModuleContent("other", "x", "y").compare_with_last(tmp_path, LATER) == ""
    assert ModuleContent("program", "z", "y").compare_with_last(tmp_path, began=0.0) == ""  # written by this run


def test_a_damaged_note_or_a_folder_that_cannot_be_written_is_no_fault(tmp_path):
    one = ModuleContent("program", "weights", "inputs")
    one.compare_with_last(tmp_path, LATER)
    (note,) = (tmp_path / "modules").iterdir()
    for text in ("{", "[]", ""):
        note.write_text(text)
        os.utime(note, (1, 1))
        assert ModuleContent("program", "w", "i").compare_with_last(tmp_path, LATER) == ""
    (tmp_path / "file").write_text("")
    assert one.compare_with_last(tmp_path / "file", LATER) == ""


@pytest.mark.engine
@pytest.mark.filterwarnings("ignore:.torch.jit")
@pytest.mark.parametrize("script", [False, True])
def test_program_weights_and_input_are_told_apart(script):
    """Of a plain module and of one of TorchScript."""
    import torch
    from torch import nn

    from pytest_formfunc.forms.built import Inputs, Network
    from pytest_formfunc.measure.module_content import content_of

    def content(width=8, scale=1.0, input_scale=1.0, slope=0.1):
        module = nn.Sequential(nn.Linear(8, width), nn.LeakyReLU(slope))
        for parameter in module.parameters():
            nn.init.constant_(parameter, scale)
        inputs = Inputs((torch.full((1, 8), input_scale),))
        module = torch.jit.script(module) if script else module
        return content_of(Network(inputs, lambda seed: inputs, module.eval()))

    base = content()
    assert content() == base
    weights, inputs, program = content(scale=2.0), content(input_scale=2.0), content(slope=0.2)
    assert (weights.program, weights.inputs) == (base.program, base.inputs)
    assert weights.weights != base.weights
    assert (inputs.program, inputs.weights) == (base.program, base.weights)
    assert inputs.inputs != base.inputs
    assert program.key != base.key
    assert content(width=9).key != base.key
