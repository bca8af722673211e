"""Every registered pattern: its cost by formula, its output, and what it refuses."""

import pickle
import subprocess
import sys

import pytest
import torch

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.network import PatternNetwork, count_network_macs, count_network_params
from pytest_formfunc.forms.patterns import (
    PATTERNS,
    PatternEntry,
    block_class,
    check_width,
    pattern_entry,
    pattern_names,
)
from pytest_formfunc.forms.sources import PatternSource
from pytest_formfunc.function.cost import count_cost
from pytest_formfunc.registry import index_by_name

NAMES = pattern_names()
IMAGE = (1, 3, 64, 64)
KEEP_CHANNELS = {"channel_shuffle", "large_kernel_depthwise", "attention"}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rms(values):
    return float(values.square().mean().sqrt())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("depth", "multiples", "input_shape", "classes"),
    [(1, 1, (1, 3, 16, 16), 10), (2, 2, (2, 1, 40, 56), 7), (3, 3, (3, 4, 21, 18), 5)],
)
def test_formulas_equal_what_is_counted(name, depth, multiples, input_shape, classes):
    """Parameters and MACs by formula are those counted on the network, at several depths, widths and inputs."""
    width = multiples * pattern_entry(name).width_multiple
    network = PatternNetwork(name, depth, width, in_channels=input_shape[1], classes=classes).eval()
    cost = count_cost(network, (torch.zeros(input_shape),))
    assert cost.params == count_network_params(name, depth, width, input_shape[1], classes)
    assert cost.macs == count_network_macs(name, depth, width, input_shape, classes)


@pytest.mark.parametrize("name", NAMES)
def test_formulas_hold_where_channels_differ_from_width(name):
    """Formulas are right for blocks that can change the number of channels; the others refuse to."""
    width = 2 * pattern_entry(name).width_multiple
    channels = 3 * width
    make = block_class(name)
    if name in KEEP_CHANNELS:
        with pytest.raises(BadInput, match=f"cannot turn {channels} into {width}"):
            make(channels, width)
        return
    block = make(channels, width).eval()
    cost = count_cost(block, (torch.zeros(1, channels, 5, 6),))
    assert cost.params == make.count_params(channels, width)
    assert cost.macs == make.count_macs(channels, width, 5, 6)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_keep_the_resolution_and_state_their_channels(name):
    """A block's output has the input's resolution and as many channels as the block states."""
    width = 2 * pattern_entry(name).width_multiple
    block = block_class(name)(width, width).eval()
    with torch.no_grad():
        out = block(torch.randn(2, width, 5, 7))
    assert out.shape == (2, block.out_channels, 5, 7)
    assert block.out_channels == block_class(name).count_out_channels(width, width)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("depth", [2, 64])
def test_output_has_spread_and_depends_on_the_input(name, depth):
    """At any depth logits have a standard deviation of 0.1 to 10, and another input changes them by at least 1%."""
    source = PatternSource(name, depth, 64, IMAGE)
    built = source.build()
    network, (first,) = built.module, built.inputs.args
    (second,) = source.inputs(1).args
    with torch.inference_mode():
        one, two = network(first), network(second)
    for logits in (one, two):
        assert torch.isfinite(logits).all()
        assert 0.1 <= float(logits.std()) <= 10
    assert rms(one - two) >= 1e-2 * rms(one)


@pytest.mark.parametrize("name", NAMES)
def test_rounding_is_not_amplified(name):
    """At depth 64 the float32 output agrees with float64 to at least 80 dB."""
    built = PatternSource(name, 64, 64, (1, 3, 32, 32)).build()
    network, (image,) = built.module, built.inputs.args
    with torch.inference_mode():
        single = network(image).double()
        double = network.double()(image.double())
    assert 10 * torch.log10(double.var() / (single - double).square().mean()) >= 80


@pytest.mark.parametrize("name", NAMES)
def test_any_batch_resolution_and_number_of_channels(name):
    """A network takes two single-channel images that are not square."""
    built = PatternSource(name, 2, 32, (2, 1, 40, 56)).build()
    network, inputs = built.module, built.inputs.args
    with torch.inference_mode():
        assert network(*inputs).shape == (2, 1000)


@pytest.mark.parametrize("name", NAMES)
def test_networks_export(name):
    """torch.export can export every pattern, which engines need."""
    built = PatternSource(name, 1, 32, (1, 3, 16, 16)).build()
    network, inputs = built.module, built.inputs.args
    exported = torch.export.export(network, inputs).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(*inputs), network(*inputs))


@pytest.mark.parametrize("entry", PATTERNS, ids=lambda entry: entry.name)
def test_widths_that_a_pattern_cannot_take_are_refused(entry):
    """The message is one sentence that names the valid widths."""
    wrong = 0 if entry.width_multiple == 1 else entry.width_multiple + 1
    with pytest.raises(BadInput) as refusal:
        PatternNetwork(entry.name, 1, wrong)
    takes = "any width from 1 up" if wrong == 0 else f"widths that are multiples of {entry.width_multiple}"
    assert str(refusal.value) == f"pattern {entry.name!r} takes {takes}, not {wrong}"


def test_width_refusal_of_attention():
    """Attention takes whole heads only."""
    with pytest.raises(BadInput, match=r"^pattern 'attention' takes widths that are multiples of 32, not 40$"):
        check_width("attention", 40)


@pytest.mark.parametrize("width", [0, -32])
def test_widths_below_one_are_refused(width):
    """Zero and negative numbers are multiples, but not valid widths."""
    with pytest.raises(BadInput, match=f"not {width}$"):
        check_width("attention", width)


def test_depth_below_one_is_refused():
    """A network has at least one block."""
    with pytest.raises(BadInput, match=r"^a network has at least one block, so its depth cannot be 0$"):
        PatternNetwork("plain", 0, 8)


@pytest.mark.parametrize("shape", [(1, 3, 3, 64), (1, 3, 64, 3)])
def test_images_smaller_than_a_patch_are_refused(shape):
    """The message says how large an image must be."""
    with pytest.raises(BadInput, match="images must be at least 4x4"):
        PatternSource("plain", 1, 8, shape).build()


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 3, 64), (0, 3, 64, 64)])
def test_inputs_that_are_not_images_are_refused(shape):
    """The message says what a pattern takes."""
    with pytest.raises(BadInput, match="takes images as batch x channels x height x width"):
        PatternSource("plain", 1, 8, shape).build()


def test_unknown_pattern_is_refused():
    """The message lists the known patterns."""
    with pytest.raises(BadInput, match=r"^no pattern is called 'plane'; there are plain, pointwise, "):
        PatternNetwork("plane", 1, 8)


def test_order_of_names_is_fixed():
    """Reports and ids rely on the order of the paper's list."""
    assert list(NAMES) == [
        "plain",
        "pointwise",
        "bottleneck",
        "residual",
        "residual_bottleneck",
        "grouped_residual_bottleneck",
        "depthwise_separable",
        "depthwise_bottleneck",
        "residual_depthwise_bottleneck",
        "dense",
        "multi_branch",
        "fire",
        "channel_shuffle",
        "squeeze_excitation_bottleneck",
        "large_kernel_depthwise",
        "attention",
    ]


def test_duplicate_names_are_refused():
    """Two entries with one name are an error as soon as the registry is loaded."""
    with pytest.raises(ValueError, match="'plain' is registered twice: plain:Plain and other:Plain"):
        index_by_name([*PATTERNS, PatternEntry("plain", "other:Plain", 1)], "pattern")


def test_registry_and_sources_load_no_torch():
    """Reading names, checking widths and making sources does not import torch."""
    code = (
        "import sys\n"
        "from pytest_formfunc.forms import patterns, sources\n"
        "patterns.check_width('attention', 32); patterns.pattern_names()\n"
        "sources.PatternSource('plain', 1, 8, (1, 3, 8, 8)).content()\n"
        "from pytest_formfunc.function.cost import Cost\n"
        "Cost(1, 1, 1, 1)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("plain", {"stride": 2, "kernel_size": 5}),
        ("residual", {"stride": 2}),
        ("residual_bottleneck", {"stride": 2, "inner": 12}),
        ("grouped_residual_bottleneck", {"stride": 2}),
        ("squeeze_excitation_bottleneck", {"stride": 2}),
        ("depthwise_separable", {"stride": 2}),
        ("residual_depthwise_bottleneck", {"stride": 2, "expansion": 1, "kernel_size": 5}),
        ("channel_shuffle", {"stride": 2}),
    ],
)
def test_strides_halve_the_resolution_and_may_change_channels(name, keywords):
    """Blocks that begin a stage of an architecture can turn 16 channels into 32 at half the resolution."""
    block = block_class(name)(16, 32, **keywords).eval()
    with torch.no_grad():
        assert block(torch.randn(1, 16, 8, 8)).shape == (1, 32, 4, 4)


def test_shuffle_interleaves_the_halves():
    """Channels 0..5 in two groups come out as 0, 3, 1, 4, 2, 5."""
    from pytest_formfunc.forms.patterns.shuffle import shuffle

    dealt = shuffle(torch.arange(6.0).reshape(1, 6, 1, 1), 2).flatten()
    assert dealt.tolist() == [0, 3, 1, 4, 2, 5]


def test_sources_of_patterns_are_small_and_can_be_pickled():
    """A source is sent to worker processes as a few hundred bytes."""
    source = PatternSource("dense", 4, 64, IMAGE)
    assert pickle.loads(pickle.dumps(source)) == source
    assert len(pickle.dumps(source)) < 500
