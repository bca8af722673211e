"""Why real modules are not exported, in plain words, with the line of the module."""

import pytest
import torch
from torch import nn

from pytest_formfunc.errors import one_line, shorten
from pytest_formfunc.measure.export_errors import explain_export


class Branches(nn.Module):
    def forward(self, x):
        if x.sum() > 0:  # the line that is named
            return x * 2
        return x


class Selects(nn.Module):
    def forward(self, x):
        return torch.zeros(int(x.sum())) + 1


class Encodes(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)

    def forward(self, x, mask):
        return self.encoder(x, mask=mask)


def explained(module, *inputs):
    """Return the sentence about a module that is not exported; None if it is exported."""
    try:
        torch.export.export(module.eval(), inputs)
    except Exception as error:  # noqa: BLE001 - the exporter raises many kinds
        return explain_export(error)
    return None


@pytest.mark.parametrize("module", [Branches(), Selects()], ids=lambda module: type(module).__name__)
def test_a_way_that_depends_on_values_is_said_without_jargon(module):
    """With what to do, and where."""
    said = explained(module, torch.ones(2, 2))
    assert said.startswith("it takes a number from a tensor (a branch, a shape, float() or .item())")
    assert "GuardOnDataDependentSymNode" not in said
    assert "torch.cond" in said
    assert f"(at {__file__}:" in said


def test_a_causal_mask_that_is_looked_at_has_an_advice_of_its_own():
    """The encoder compares its values, unless it is told."""
    mask = nn.Transformer.generate_square_subsequent_mask(4)
    said = explained(Encodes(), torch.randn(1, 4, 8), mask)
    assert said is not None
    assert "say is_causal=True" in said


def test_what_is_not_known_is_said_in_the_exporters_words():
    """On one line."""
    assert explain_export(ValueError("some\nreason. See: https://example.org")) == "ValueError: some reason."


def test_a_message_ends_with_a_whole_word_and_tells_nobody_to_read_on():
    """However long it is."""
    long = one_line(RuntimeError("word " * 200 + "\nSee: "))
    assert long.endswith("word ...")
    assert len(long) < 330
    assert one_line(RuntimeError("bad input\n\nSee:")) == "RuntimeError: bad input"
    assert one_line(RuntimeError("")) == "RuntimeError"
    assert shorten("x" * 20, 8) == "x" * 8 + " ..."
    assert shorten("I see it, and foresee: nothing", 99) == "I see it, and foresee: nothing"
