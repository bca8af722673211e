"""Inputs as users write them, and their completion by what files declare."""

import pytest
import torch

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.input_specs import InputSpec, format_call, make_inputs, parse_calls
from pytest_formfunc.forms.known_inputs import KnownInput, complete_call


@pytest.mark.parametrize(
    "text", ["1x3x8x8", "8x3x8x8", "ids=1x4:i64+mask=1x4:i64:ones", "1x4:bf16", "x=2:zeros", "1x2+3x4:u8", "x:0=1x4"]
)
def test_a_call_is_written_as_it_is_read(text):
    """Names, types and fills are kept."""
    (call,) = parse_calls(text)
    assert format_call(call) == text


def test_commas_separate_calls_and_repeats_are_dropped():
    """Each call becomes a case."""
    assert len(parse_calls("1x3x8x8, 8x3x8x8,1x3x8x8")) == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1x0", "input shape '1x0' is malformed"),
        ("", "input shape '' is malformed"),
        ("1x3:f31", "input '1x3:f31' is malformed: after the shape come a type"),
        ("1x3:i64:f32", "each once"),
        ("a b=1x3", "'a b' is not a name of an input"),
        ("a=1x3+a=1x3", "names an input twice"),
        ("a=1x3+1x3", "inputs without a name come before"),
    ],
)
def test_a_malformed_input_is_quoted(text, sentence):
    """The message quotes the malformed part."""
    with pytest.raises(BadInput) as refusal:
        parse_calls(text)
    assert sentence in str(refusal.value)


def test_types_and_fills_are_as_asked_for():
    """Ones, zeros, a range along the last axis, and random values suited to the type are made."""
    (call,) = parse_calls("2x3:i64+2x3:f16:ones+2x3:u8:zeros+2x3:i32:range+2x3:bool+2x3:bf16+attention_mask=1x2:i64")
    inputs = make_inputs(call, 0)
    kinds = [tensor.dtype for tensor in inputs.tensors]
    assert kinds == [
        torch.int64, torch.float16, torch.uint8, torch.int32, torch.bool, torch.bfloat16, torch.int64,
    ]  # fmt: skip
    assert int(inputs.args[0].max()) < 10
    assert inputs.args[1].eq(1).all()
    assert inputs.args[2].eq(0).all()
    assert inputs.args[3].tolist() == [[0, 1, 2]] * 2
    assert inputs.kwargs["attention_mask"].tolist() == [[1, 1]]
    other = make_inputs(call, 1)
    assert not torch.equal(inputs.args[5], other.args[5])
    assert torch.equal(make_inputs(call, 1).args[0], other.args[0])


KNOWN = [
    KnownInput("input_ids", ("batch", "sequence"), "i64"),
    KnownInput("attention_mask", ("batch", "sequence"), "i64"),
    KnownInput("scale", (3,), "f32"),
]


@pytest.mark.parametrize(
    "given", ["1x8", "input_ids=1x8", "attention_mask=1x8", "input_ids=1x8+attention_mask=1x8:ones"]
)
def test_one_size_holds_for_every_axis_of_its_name(given):
    """Only sizes that the file leaves open must be given, each once."""
    call = complete_call(KNOWN, parse_calls(given)[0], "net")
    assert call == (
        InputSpec((1, 8), "input_ids", "i64", "random"),
        InputSpec((1, 8), "attention_mask", "i64", "ones"),
        InputSpec((3,), "scale", "f32", "random"),
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("scale=3", "net has inputs whose shape is open: input_ids (batchxsequence, i64), attention_mask "
         "(batchxsequence, i64), scale (3, f32): give the sizes, e.g. --formfunc-input input_ids=1x128"),
        ("scale=4", "net does not take 4 as scale, which is 3"),
        ("input_ids=1x8+attention_mask=1x9", "net does not take 1x9 as attention_mask, which is 1x8"),
        ("ids=1x8", "net has no input 'ids': it has input_ids"),
        ("1x8:f32", "input input_ids of net is of type i64, not f32"),
        ("1+2+3+4", "net has no input '4'"),
    ],
)  # fmt: skip
def test_sizes_that_are_missing_or_do_not_fit_are_one_sentence(given, sentence):
    """The message for missing sizes lists the inputs with their open axes."""
    with pytest.raises(BadInput) as refusal:
        complete_call(KNOWN, parse_calls(given)[0], "net")
    assert sentence in str(refusal.value)
