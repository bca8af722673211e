"""Is latency over width a staircase? Convolution, depthwise convolution and product, native and OpenVINO.

Widths are swept around 64 (every FORMFUNC_STEP channels, default 2) and around 128 (every twice as many), and steps
are found with their certainty. Then the finder is tried: known steps, and none, are planted into the noise that was
recorded. At last convolutions of FORMFUNC_NETWORK (default ghostnet) that lie just above an edge are built and timed
at both widths. FORMFUNC_BACKENDS takes other backends, such as native-cuda, where layers are larger, so that they fill
the card, and steps may be waves: Yu et al. (ArchEdge, arXiv:2011.10912) saw stairs on GPUs. Which tile would explain
them is printed. It takes about a quarter of an hour.
"""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from choices import choice
from laboratory import Laboratory
from sweep import log_ratios, mean_curve, sweep

from pytest_formfunc.backends import backend_entry
from pytest_formfunc.cases import architecture_case
from pytest_formfunc.function.waves import explain_steps
from pytest_formfunc.function.widths import Layer, convolutions_of, propose, upper_edges
from pytest_formfunc.stats.servers import estimate_over_servers
from pytest_formfunc.stats.steps import find_steps, highest, spacing
from pytest_formfunc.units import format_estimate

STEP = int(choice("FORMFUNC_STEP", "2")[0])
NETWORK = choice("FORMFUNC_NETWORK", "ghostnet")[0]
SWEEPS = {"around 64": list(range(48, 97, STEP)), "around 128": list(range(96, 177, 2 * STEP))}
KINDS = ("conv", "depthwise", "linear")
BACKENDS = choice("FORMFUNC_BACKENDS", "native,openvino")
ON_CARD = all(backend_entry(name).gpu for name in BACKENDS)
PLANTED = (0.05, 0.1, 0.2)
DRAWS = 200
QUIET = 0.025  # scatter of a width's launches on a machine of one's own
MOST_PROPOSALS = 6


def layer(kind, width):
    """Return a layer of a width whose call takes about a tenth of a millisecond or more on a processor."""
    if kind == "linear":
        return Layer(256, width, (12544 if ON_CARD else 784,))
    depthwise = kind == "depthwise"
    side = 112 if ON_CARD else 56 if depthwise else 28
    return Layer(
        width if depthwise else 64, width, (side, side), (3, 3), padding=(1, 1), groups=width if depthwise else 1
    )


def waves_of(kind, widths, steps):
    """Return a line that says which tile explains steps on a card."""
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as the processes that measure have it
    import torch

    count = torch.cuda.get_device_properties(0).multi_processor_count
    rows = math.prod(layer(kind, widths[0]).size)
    found = explain_steps([widths[step.before] for step in steps if step.rises], rows, widths, count)
    if found is None:
        return f"    no tile's waves over {count} multiprocessors explain them"
    return (
        f"    waves of {found.tile[0]}x{found.tile[1]} tiles over {count} multiprocessors explain them: after "
        f"{', '.join(map(str, found.expected))} (agreement {found.agreement:.0%})"
    )


def lines_on(kind, place, backend, rounds):
    """Return what one sweep shows."""
    widths, steps, curve = SWEEPS[place], find_steps(rounds), mean_curve(rounds)
    title = f"{kind}, {place} ({widths[0]} to {widths[-1]} by {widths[1] - widths[0]}), {backend}"
    rise = math.exp(curve[-1] - curve[0])
    lines = [f"{title}: {f'{len(steps)} steps' if steps else 'no staircase'}; whole rise {rise:.2f}x"]
    lines += [f"    after {widths[step.before]}: {format_estimate(step.ratio)}" for step in steps]
    if ON_CARD and kind != "depthwise" and steps:
        lines.append(waves_of(kind, widths, steps))
    if apart := spacing(highest(steps), widths):
        lines.append(f"    the highest steps are multiples of {apart} channels apart")
    return lines


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    one = Laboratory(tmp_path_factory.mktemp("staircase"), servers=8)
    one.start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def sweeps(laboratory, request):
    """Return the rounds of every sweep, by kind, place and backend; each is told as soon as it is measured."""
    found = {}
    for kind in KINDS:
        for place, widths in SWEEPS.items():
            for backend in BACKENDS:
                rounds = found[kind, place, backend] = sweep(laboratory, [layer(kind, one) for one in widths], backend)
                told = "\n".join(lines_on(kind, place, backend, rounds))
                with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                    print(f"\n{told}", flush=True)
    return found


def test_staircase(sweeps):
    """Every sweep has an answer: its steps, or none; each step is there in either half of the launches."""
    for (kind, place, backend), rounds in sweeps.items():
        for step in find_steps(rounds):
            for half in (rounds[::2], rounds[1::2]):
                part = mean_curve(half)
                usual = float(np.median(np.diff(part)))
                rises = part[step.after] - part[step.before] > usual
                assert rises == step.rises, (kind, backend, SWEEPS[place][step.before])


def test_finder_on_recorded_noise(sweeps, capsys):
    """On a line there are few steps in any noise; those of 20% every 16 channels are found once it is brought to 2.5%.

    How much noise there is belongs to the machine; how it is made, to what the finder must bear.
    """
    with capsys.disabled():
        print()
        worst_false, hits = 0.0, []
        for (kind, place, backend), rounds in sweeps.items():
            logs = np.log(rounds)
            noise = logs - logs.mean(axis=0) - logs.mean(axis=1, keepdims=True) + logs.mean()
            scatter = float(np.median(noise.std(axis=0, ddof=1)))  # of a width's launches
            widths = SWEEPS[place]
            edges = [at for at, width in enumerate(widths[:-1]) if width % 16 == 0]
            told = []
            for height in (0.0, *PLANTED):
                curve = np.asarray([math.log(width) + height * math.ceil(width / 16) for width in widths])
                found = [planted(curve, noise, seed) for seed in range(DRAWS)]
                false = sum(bool(set(one) - set(edges)) if height else bool(one) for one in found) / DRAWS
                if not height:
                    worst_false = max(worst_false, false)
                    told.append(f"line: {false:.1%} with a false step")
                    continue
                hit = share_found(found, edges)
                told.append(f"{height:.0%}: {hit:.0%} found, {false:.1%} with a false one")
            quiet = noise * min(1.0, QUIET / scatter)
            hits.append(share_found([planted(curve, quiet, seed) for seed in range(DRAWS)], edges))
            told.append(f"{max(PLANTED):.0%} in that noise brought to {QUIET:.1%}: {hits[-1]:.0%} found")
            print(f"planted in the noise of {kind}, {place}, {backend} ({scatter:.1%}): {'; '.join(told)}")
    assert worst_false <= 0.1
    assert min(hits) >= 0.9


def share_found(found, edges):
    """Return the mean share of the edges that each draw found."""
    return sum(len(set(one) & set(edges)) for one in found) / len(found) / len(edges)


def planted(curve, noise, seed):
    """Return the places of the steps that are found in a curve whose rounds have the noise of drawn recorded ones.

    The launches of each width are drawn anew from those that were recorded of a width that is drawn too, so that no
    pattern over widths is left in them, and means scatter as those of launches do.
    """
    generator = np.random.default_rng(seed)
    launches, count = noise.shape
    scale = math.sqrt(launches / (launches - 1))  # means were taken from the noise itself
    from_width = generator.permutation(count)
    drawn = np.column_stack([noise[generator.integers(0, launches, launches), width] for width in from_width])
    return [step.before for step in find_steps(np.exp(curve + scale * drawn))]


def test_widths_of_a_network(laboratory, sweeps, capsys):
    """Each proposal is built and timed: those that gain are printed, the others counted; none is surely slower."""
    network = architecture_case(NETWORK).source.build()
    layers = convolutions_of(network.module, network.inputs.args)
    with capsys.disabled():
        print()
        for backend in BACKENDS:
            found = {}
            for kind, groups in (("conv", False), ("depthwise", True)):
                widths = SWEEPS["around 64"]
                steps = highest(find_steps(sweeps[kind, "around 64", backend]))
                edges = upper_edges([widths[step.before] for step in steps], 2048)
                for one in propose([layer for layer in layers if (layer.groups > 1) == groups], edges):
                    found[one.layer] = one
            proposals = list(found.values())[:MOST_PROPOSALS]
            print(f"{NETWORK} on {backend}: {len(layers)} convolutions, {len(found)} kinds lie just above an edge")
            gained = 0
            for one in proposals:
                rounds = sweep(laboratory, [one.layer, one.narrower], backend)
                gain = estimate_over_servers(log_ratios(rounds, 0, 1), range(len(rounds)), None)
                fewer = one.layer.out_channels / one.narrower.out_channels
                if gain.low > fewer:  # more than in proportion to the channels that it gives up
                    gained += 1
                    print(
                        f"    {one.layer.describe()} (of which {one.count}): {one.narrower.out_channels} channels are "
                        f"{format_estimate(gain)} as fast, for {fewer:.3f}x fewer"
                    )
                assert gain.high > 1, one
            print(f"    {len(proposals)} of them built and timed, {gained} gain more than the channels they give up")
