"""Weights that keep a signal's size through any depth, made from a seed in one forward pass.

With the usual random weights a deep network's output hardly depends on its input, so that any two engines would
"agree". So weights are drawn at random, and then, as in "All you need is a good init" (Mishkin and Matas,
https://arxiv.org/abs/1511.06422), each layer is scaled by one number, found by passing an example through it.

Three choices avoid amplified rounding, which would make a correct engine look wrong:

- One scale for each layer rather than for each channel. Centring and scaling every channel by its own statistics
  makes a deep random network chaotic.
- Orthogonal weights (Saxe et al., https://arxiv.org/abs/1312.6120) rather than normal ones. With normal
  weights a narrow layer sometimes loses most of the signal, and scaling up the rest scales up its rounding errors.
- Weights with a positive mean. A ReLU's output is positive, so its largest component then does not cancel, and fewer
  channels are always zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from pytest_formfunc.forms.block import BRANCH_END, LayerScale

JITTER = 0.1
"""Standard deviation, across channels, of factors around 1."""
OFFSET = 0.035
"""Standard deviation of biases and running means, where the signal's root mean square is 1.

These do not depend on the input and add up over depth until they hide it, so they are small.
"""
BRANCH_GAIN = 0.25
"""Root mean square of what a residual branch adds; within the branch, layers' outputs have 1."""
LEAN = 0.3
"""Added gain for a signal that is equal in all channels; an orthogonal matrix alone has a gain of 1."""
DEPTHWISE_LEAN = 1.0
"""Mean of a depthwise kernel's weights, as a multiple of their standard deviation."""
LARGEST_ORTHOGONAL = 512
"""If a matrix's smaller side exceeds this, normal weights are used: they do as well and are faster to make."""
SMALLEST_SCALE = 1e-2
"""Smallest signal that a layer's scale is fitted to; a weaker one is amplified no further."""


def initialise(network: nn.Module, example_inputs: tuple[Tensor, ...], seed: int) -> None:
    """Give every convolution, linear layer, norm and layer scale random weights that keep the signal's size.

    Other parameters are not changed. The same seed and example give the same weights; the global random generator is
    not used.

    Args:
        network: changed in place.
        example_inputs: the inputs that the layers' scales are measured on.
        seed: seed of the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    was_training = network.training
    network.eval()
    with torch.no_grad():
        for module in network.modules():
            _draw(module, generator)
        with _scaling_hooks(network):
            network(*example_inputs)
    network.train(was_training)


def _draw(module: nn.Module, generator: torch.Generator) -> None:
    """Draw weights for a signal of unit size; `_scaling_hooks` fits them to the real one."""
    gain = BRANCH_GAIN if getattr(module, BRANCH_END, False) else 1.0
    if isinstance(module, _ConvNd | nn.Linear):
        _draw_weight(module, generator)
        _fill(module.bias, 0.0, OFFSET * gain, generator)
    elif isinstance(module, _BatchNorm | nn.LayerNorm):
        _fill(module.weight, gain, JITTER * gain, generator)
        _fill(module.bias, 0.0, OFFSET * gain, generator)
        if isinstance(module, _BatchNorm):
            _fill(module.running_mean, 0.0, OFFSET, generator)
            _fill(module.running_var, 1.0, JITTER, generator)
            if module.running_var is not None:
                module.running_var.clamp_(min=0.5)
    elif isinstance(module, LayerScale):
        _fill(module.weight, gain, JITTER * gain, generator)


def _draw_weight(module: _ConvNd | nn.Linear, generator: torch.Generator) -> None:
    fan_out, fan_in = module.weight.flatten(1).shape
    groups = module.groups if isinstance(module, _ConvNd) else 1
    if groups > 1 or min(fan_out, fan_in) > LARGEST_ORTHOGONAL:
        std = (2 / fan_in) ** 0.5  # He et al., https://arxiv.org/abs/1502.01852
        _fill(module.weight, DEPTHWISE_LEAN * std if groups == fan_out else 0.0, std, generator)
    else:
        drawn = torch.empty(fan_out, fan_in)
        nn.init.orthogonal_(drawn, generator=generator)
        drawn += LEAN / (fan_out * fan_in) ** 0.5
        module.weight.copy_(drawn.reshape(module.weight.shape))


def _fill(tensor: Tensor | None, mean: float, std: float, generator: torch.Generator) -> None:
    if tensor is not None:
        drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float32)
        tensor.copy_(drawn * std + mean)


@contextmanager
def _scaling_hooks(network: nn.Module) -> Iterator[None]:
    """Fit each layer to the first signal that it receives in this context, and pass the scaled signal on."""
    fitted: set[nn.Module] = set()

    def fit_statistics(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        if module not in fitted:
            fitted.add(module)
            _fit_statistics(module, args[0])

    def fit_weight(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if module in fitted:
            return output
        fitted.add(module)
        return _fit_weight(module, output)

    handles = []
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            handles.append(module.register_forward_pre_hook(fit_statistics))
        elif isinstance(module, _ConvNd | nn.Linear):
            handles.append(module.register_forward_hook(fit_weight))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _fit_statistics(module: nn.Module, signal: Tensor) -> None:
    assert isinstance(module, _BatchNorm)
    scale = _measure_scale(signal)
    if module.running_mean is not None and module.running_var is not None:
        module.running_mean.mul_(scale)
        module.running_var.mul_(scale**2)


def _fit_weight(module: nn.Module, output: Tensor) -> Tensor:
    assert isinstance(module, _ConvNd | nn.Linear)
    bias: Tensor | float = 0.0
    if module.bias is not None:
        axes_after_channels = len(module.kernel_size) if isinstance(module, _ConvNd) else 0
        bias = module.bias.reshape(-1, *[1] * axes_after_channels)
    signal = output - bias
    gain = BRANCH_GAIN if getattr(module, BRANCH_END, False) else 1.0
    factor = gain / _measure_scale(signal)
    module.weight.mul_(factor)
    return signal * factor + bias


def _measure_scale(signal: Tensor) -> float:
    """Return the root mean square to three digits, so that it does not depend on the number of threads."""
    scale = float(signal.float().square().mean().sqrt())
    return max(float(f"{scale:.3g}"), SMALLEST_SCALE) if isfinite(scale) else 1.0
