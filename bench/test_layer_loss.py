"""Is the layer that lost it named? Slow layers planted into a network, ten of each kind, and ten times nothing.

The network and the changed one are profiled in turn on OpenVINO, as `--formfunc-why` does for both revisions. The right
answer is the block in which something was planted, and none where nothing was. It takes eight minutes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_formfunc.function.layer_change import explain_loss
from pytest_formfunc.host import allowed_cores, cache_share
from pytest_formfunc.measure.given_inputs import GivenInputs
from pytest_formfunc.measure.instruments.base import Launches, Subject
from pytest_formfunc.measure.instruments.layers import Layers

KINDS = ("a kernel that falls back", "a transposition", "a doubled layer", "nothing")
NOTHING = KINDS[-1]
TIMES = 10
LAUNCHES = 5  # as many as `--formfunc-why` makes
BLOCKS = 6
SIDE, CHANNELS = 48, 32
THREADS = allowed_cores()


def network(kind, place):
    """Return a module of some blocks, with something in one of them that takes longer."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, planted):
            super().__init__()
            self.conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
            self.norm, self.act = nn.BatchNorm2d(CHANNELS), nn.ReLU()
            self.planted = planted
            if planted == "a doubled layer":
                self.again = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)

        def forward(self, x):
            x = self.act(self.norm(self.conv(x)))
            if self.planted == "a kernel that falls back":
                return x + 0.01 * torch.cumsum(x, 1)  # which OpenVINO computes by its reference
            if self.planted == "a transposition":
                return x.transpose(2, 3).contiguous()
            return self.again(x) if self.planted == "a doubled layer" else x

    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, CHANNELS, 3, padding=1), *(Block(kind if index == place else "") for index in range(BLOCKS))
    ).eval()


@dataclass(frozen=True)
class Source:
    """What an engine is loaded with."""

    module: object

    def inputs(self, seed):
        import torch

        from pytest_formfunc.forms.built import Inputs

        torch.manual_seed(seed)
        return Inputs((torch.randn(1, 3, SIDE, SIDE),), {})

    def build(self):
        from pytest_formfunc.forms.built import Network

        return Network(self.inputs(0), self.inputs, self.module)


def prepared(module, folder):
    """Return a network's source and its artifact."""
    from pytest_formfunc.backends.openvino import OpenVinoEngine

    source = Source(module)
    folder.mkdir()
    OpenVinoEngine.prepare(source.build(), folder / "model.xml")
    return source, folder


def launch(source, folder, earlier):
    """Return what the instrument sees of a network that is loaded anew."""
    from pytest_formfunc.backends.openvino import OpenVinoEngine

    engine = OpenVinoEngine(THREADS)
    engine.load(source, folder / "model.xml")
    given = GivenInputs(engine, [source.inputs(0)])
    timer = given.timer(engine.time_call)
    for _ in range(10):
        timer()
    return Layers().observe(
        Subject(timer, lambda: timer, None, source.build, 1, THREADS, {"macs": 1}, cache_share(),
                profiler=engine.profiler, folder=Path(folder), earlier=earlier)
    )  # fmt: skip


def explained(kind, place, folder):
    """Profile both in turn, and return the clause about the layer that lost it."""
    sides = [prepared(network(what, place), folder / name) for name, what in (("there", ""), ("here", kind))]
    seen = [[], []]
    for _ in range(LAUNCHES):
        for side, own in zip(sides, seen, strict=True):
            own.append(launch(*side, own[0] if own else None))
    there, here = (Layers().sum_up(Launches(own, [], {}))["layers"] for own in seen)
    return explain_loss(there, here)


@pytest.fixture
def chance():
    return random.Random(1)


def test_the_layer_is_named(tmp_path, chance, capsys):
    """The block with the slow layer, and none where nothing changed."""
    right = dict.fromkeys(KINDS, 0)
    wrong = []
    for kind in KINDS:
        for number in range(TIMES):
            place = chance.randrange(BLOCKS)
            folder = tmp_path / f"{KINDS.index(kind)}-{number}"
            folder.mkdir()
            clause = explained("" if kind == NOTHING else kind, place, folder)
            # Blocks are numbered from 1 in the network, whose first layer is its stem.
            label = clause.removeprefix("most of it is in ").partition(" ")[0].rstrip(":")
            is_right = not clause if kind == NOTHING else label.split(".")[0] == str(place + 1)
            right[kind] += is_right
            if not is_right:
                wrong.append(f"{kind} in block {place + 1}: {clause or 'none named'}")
    with capsys.disabled():
        print()
        for kind, count in right.items():
            print(f"{kind}: {count} of {TIMES} right")
        for line in wrong:
            print(f"  {line}")
    assert right[NOTHING] == TIMES
    assert min(right.values()) >= 0.8 * TIMES
