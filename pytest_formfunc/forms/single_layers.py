"""Single layers as networks: what the peak of an engine, and its latency over width, are measured with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_formfunc.forms.sources import load_weights
from pytest_formfunc.function.widths import Layer

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from pytest_formfunc.forms.built import Inputs, Network


@dataclass(frozen=True)
class LayerSource:
    """The source of a network that is one layer."""

    layer: Layer

    def describe(self) -> str:
        """Name the layer in a few letters, for folders and messages."""
        return self.layer.describe()

    def content(self) -> str:
        """Return what the network follows from."""
        return repr(self)

    def build(self) -> Network:
        """Make the network, in evaluation mode, with an example of its inputs."""
        from pytest_formfunc.forms.built import Network

        return Network(self.inputs(0), self.inputs, self._make())

    def restore(self, artifact: Path) -> nn.Module:
        """Make the network with the saved weights."""
        return load_weights(self._make(), artifact)

    def inputs(self, seed: int) -> Inputs:
        """Make an image, or a matrix, from a seed."""
        import torch

        from pytest_formfunc.forms.built import Inputs

        one = self.layer
        shape = (1, one.in_channels, *one.size) if one.kernel else (*one.size, one.in_channels)
        return Inputs((torch.randn(*shape, generator=torch.Generator().manual_seed(seed)),))

    def _make(self) -> nn.Module:
        import torch

        one = self.layer
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            if not one.kernel:
                return torch.nn.Linear(one.in_channels, one.out_channels, bias=False).eval()
            return torch.nn.Conv2d(
                one.in_channels, one.out_channels, one.kernel, one.stride, one.padding, one.dilation, groups=one.groups,
                bias=False,
            ).eval()  # fmt: skip
