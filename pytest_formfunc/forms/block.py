"""What all blocks share: their interface, a convolution with its batch norm, the marks for initialisation.

Formulas count parameters (without a batch norm's running statistics) and the multiply-accumulates of convolutions and
matrix products for one image; norms, activations, pooling and additions are not counted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pytest_formfunc.errors import BadInput

Activation = Callable[[], nn.Module]
relu: Activation = partial(nn.ReLU, inplace=True)
relu6: Activation = partial(nn.ReLU6, inplace=True)

BRANCH_END = "branch_end"
"""Attribute that marks the last layer of a residual branch; `initialise` gives such layers smaller weights."""


class Block(nn.Module, ABC):
    """One block of a pattern: ``channels`` in, ``out_channels`` out, at the same resolution.

    Keywords of subclasses (stride, expansion and so on) exist to build whole architectures; the pattern itself, and
    the formulas below, use their defaults.

    Args:
        channels: number of channels in.
        width: the pattern's width; also the number of channels out unless the class overrides `count_out_channels`.

    Attributes:
        out_channels: number of channels out.
    """

    out_channels: int

    def __init__(self, channels: int, width: int) -> None:
        """Build the layers."""
        super().__init__()
        self.out_channels = self.count_out_channels(channels, width)

    @staticmethod
    def count_out_channels(channels: int, width: int) -> int:
        """Return the number of channels out."""
        return width

    @staticmethod
    @abstractmethod
    def count_params(channels: int, width: int) -> int:
        """Count parameters, by formula."""

    @staticmethod
    @abstractmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count multiply-accumulates for one image of ``height`` x ``width_px`` positions, by formula."""


def conv_bn(
    channels: int,
    width: int,
    kernel_size: int = 1,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: Activation | None = relu,
    ends_branch: bool = False,
) -> nn.Sequential:
    """Stack a convolution without bias, batch norm, and an activation unless that is None.

    At stride 1 the resolution does not change.
    """
    padding = (kernel_size - 1) // 2
    conv = nn.Conv2d(channels, width, kernel_size, stride, padding, groups=groups, bias=False)
    bn = nn.BatchNorm2d(width)
    if ends_branch:
        mark_branch_end(bn)
    layers: OrderedDict[str, nn.Module] = OrderedDict(conv=conv, bn=bn)
    if activation is not None:
        layers["act"] = activation()
    return nn.Sequential(layers)


def mark_branch_end(module: nn.Module) -> None:
    """Mark a module as the last layer with weights of a residual branch."""
    setattr(module, BRANCH_END, True)


def shortcut(channels: int, width: int, stride: int = 1) -> nn.Module:
    """Make the shortcut around a ResNet branch: the identity, or a projection where the shape changes."""
    if stride == 1 and channels == width:
        return nn.Identity()
    return conv_bn(channels, width, stride=stride, activation=None)


def count_shortcut_params(channels: int, width: int) -> int:
    """Count the parameters of `shortcut` at stride 1."""
    return 0 if channels == width else channels * width + 2 * width


def count_shortcut_macs(channels: int, width: int, height: int, width_px: int) -> int:
    """Count the multiply-accumulates of `shortcut` at stride 1."""
    return 0 if channels == width else channels * width * height * width_px


def require_equal(what: str, channels: int, width: int) -> None:
    """Check that a block which cannot change the number of channels does not have to.

    Raises:
        BadInput: the numbers differ.
    """
    if channels != width:
        raise BadInput(f"{what} keeps its number of channels, so it cannot turn {channels} into {width}")


class LayerScale(nn.Module):
    """One learnt factor for each channel (the last axis), at the end of a residual branch.

    CaiT: Going deeper with Image Transformers, https://arxiv.org/abs/2103.17239
    """

    def __init__(self, width: int, value: float = 1e-6) -> None:
        """Build the layers."""
        super().__init__()
        self.weight = nn.Parameter(torch.full((width,), value))
        mark_branch_end(self)

    def forward(self, x: Tensor) -> Tensor:
        """Scale each channel."""
        return x * self.weight
