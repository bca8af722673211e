"""Networks of inverted residuals: hand-crafted MobileNets, and searched networks of the same block.

MobileNet-V1: https://arxiv.org/abs/1704.04861; V2: https://arxiv.org/abs/1801.04381; V3: https://arxiv.org/abs/1905.02244;
MnasNet: https://arxiv.org/abs/1807.11626; EfficientNet: https://arxiv.org/abs/1905.11946;
FBNet: https://arxiv.org/abs/1812.03443; ProxylessNAS: https://arxiv.org/abs/1812.00332
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from pytest_formfunc.forms.architectures.head import CLASSES, ImageClassifier
from pytest_formfunc.forms.block import Activation, conv_bn, relu, relu6
from pytest_formfunc.forms.patterns.depthwise import DepthwiseSeparable, ResidualDepthwiseBottleneck
from pytest_formfunc.forms.patterns.squeeze_excitation import SqueezeExcitation

silu: Activation = partial(nn.SiLU, inplace=True)
hardswish: Activation = partial(nn.Hardswish, inplace=True)


@dataclass(frozen=True)
class Step:
    """One inverted residual.

    Attributes:
        width: number of channels out.
        kernel_size: kernel size of its depthwise convolution.
        stride: stride of its depthwise convolution.
        expansion: inner channels as a multiple of the channels in.
        gated: whether it has squeeze-and-excitation, squeezed to a quarter of the channels in.
    """

    width: int
    kernel_size: int
    stride: int
    expansion: int
    gated: bool = False


def repeat(count: int, step: Step) -> list[Step]:
    """Return a stage of equal steps, of which only the first has the stride."""
    return [step] + [Step(step.width, step.kernel_size, 1, step.expansion, step.gated)] * (count - 1)


class InvertedResiduals(ImageClassifier):
    """A strided 3x3 convolution, inverted residuals, a 1x1 convolution, a linear classifier."""

    def __init__(self, stem: int, steps: Iterable[Step], last: int, activation: Activation) -> None:
        """Build the layers."""
        layers: list[nn.Module] = [conv_bn(3, stem, 3, stride=2, activation=activation)]
        channels = stem
        for step in steps:
            gate = partial(SqueezeExcitation, squeezed=channels // 4, activation=activation) if step.gated else None
            layers.append(
                ResidualDepthwiseBottleneck(
                    channels,
                    step.width,
                    expansion=step.expansion,
                    kernel_size=step.kernel_size,
                    stride=step.stride,
                    activation=activation,
                    attend=gate,
                )
            )
            channels = step.width
        super().__init__(nn.Sequential(*layers, conv_bn(channels, last, activation=activation)), last)


class MobileNetV1(ImageClassifier):
    """A strided 3x3 convolution and thirteen depthwise separable ones."""

    def __init__(self) -> None:
        """Build the layers."""
        layers: list[nn.Module] = [conv_bn(3, 32, 3, stride=2)]
        channels = 32
        steps = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
        for width, stride in steps:
            layers.append(DepthwiseSeparable(channels, width, stride=stride))
            channels = width
        super().__init__(nn.Sequential(*layers), channels)


class MobileNetV2(InvertedResiduals):
    """Seventeen inverted residuals."""

    def __init__(self) -> None:
        """Build the layers."""
        steps = [
            Step(16, 3, 1, 1), *repeat(2, Step(24, 3, 2, 6)), *repeat(3, Step(32, 3, 2, 6)),
            *repeat(4, Step(64, 3, 2, 6)), *repeat(3, Step(96, 3, 1, 6)), *repeat(3, Step(160, 3, 2, 6)),
            Step(320, 3, 1, 6),
        ]  # fmt: skip
        super().__init__(32, steps, 1280, relu6)


class MobileNetV3Large(nn.Module):
    """Fifteen inverted residuals whose sizes were found by a search; two layers after the mean."""

    # Kernel, channels inside, channels out, squeeze-and-excitation, hard swish, stride.
    STEPS = (
        (3, 16, 16, False, False, 1), (3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1),
        (5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1),
        (3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1), (3, 184, 80, False, True, 1),
        (3, 184, 80, False, True, 1), (3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1),
        (5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1),
    )  # fmt: skip
    LAST = 960
    HIDDEN = 1280

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__()
        layers: list[nn.Module] = [conv_bn(3, 16, 3, stride=2, activation=hardswish)]
        channels = 16
        for kernel_size, inner, width, gated, swish, stride in self.STEPS:
            gate = None
            if gated:
                gate = partial(SqueezeExcitation, squeezed=nearest_multiple(inner / 4, 8), gate=nn.Hardsigmoid)
            layers.append(
                ResidualDepthwiseBottleneck(
                    channels,
                    width,
                    inner=inner,
                    kernel_size=kernel_size,
                    stride=stride,
                    activation=hardswish if swish else relu,
                    attend=gate,
                )
            )
            channels = width
        self.features = nn.Sequential(*layers, conv_bn(channels, self.LAST, activation=hardswish))
        self.hidden = nn.Sequential(nn.Linear(self.LAST, self.HIDDEN), hardswish())
        self.head = nn.Linear(self.HIDDEN, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        out: Tensor = self.head(self.hidden(self.features(x).mean((2, 3))))
        return out


def nearest_multiple(value: float, by: int) -> int:
    """Return the nearest multiple, not less than nine tenths of the value (MobileNet's rounding of channels)."""
    rounded = max(by, int(value + by / 2) // by * by)
    return rounded if rounded >= 0.9 * value else rounded + by


class MnasNetA1(InvertedResiduals):
    """Searched for a phone's latency, with squeeze-and-excitation."""

    def __init__(self) -> None:
        """Build the layers."""
        steps = [
            Step(16, 3, 1, 1), *repeat(2, Step(24, 3, 2, 6)), *repeat(3, Step(40, 5, 2, 3, gated=True)),
            *repeat(4, Step(80, 3, 2, 6)), *repeat(2, Step(112, 3, 1, 6, gated=True)),
            *repeat(3, Step(160, 5, 2, 6, gated=True)), Step(320, 3, 1, 6),
        ]  # fmt: skip
        super().__init__(32, steps, 1280, relu)


class MnasNetB1(InvertedResiduals):
    """Searched for a phone's latency, without squeeze-and-excitation."""

    def __init__(self) -> None:
        """Build the layers."""
        steps = [
            Step(16, 3, 1, 1), *repeat(3, Step(24, 3, 2, 3)), *repeat(3, Step(40, 5, 2, 3)),
            *repeat(3, Step(80, 5, 2, 6)), *repeat(2, Step(96, 3, 1, 6)), *repeat(4, Step(192, 5, 2, 6)),
            Step(320, 3, 1, 6),
        ]  # fmt: skip
        super().__init__(32, steps, 1280, relu)


class EfficientNetB0(InvertedResiduals):
    """Sixteen inverted residuals with squeeze-and-excitation and SiLU."""

    def __init__(self) -> None:
        """Build the layers."""
        stages = ((1, 16, 3, 1, 1), (2, 24, 3, 2, 6), (2, 40, 5, 2, 6), (3, 80, 3, 2, 6), (3, 112, 5, 1, 6),
                  (4, 192, 5, 2, 6), (1, 320, 3, 1, 6))  # fmt: skip
        steps = []
        for count, width, kernel_size, stride, expansion in stages:
            steps += repeat(count, Step(width, kernel_size, stride, expansion, gated=True))
        super().__init__(32, steps, 1280, silu)


class FBNetC(InvertedResiduals):
    """Searched by gradient for a phone's latency.

    A block without expansion has no first 1x1 convolution, as in the official code (timm's network has it).
    """

    def __init__(self) -> None:
        """Build the layers."""
        steps = [
            Step(16, 3, 1, 1),
            Step(24, 3, 2, 6), Step(24, 3, 1, 1), Step(24, 3, 1, 1),  # and one that the search removed
            Step(32, 5, 2, 6), Step(32, 5, 1, 3), Step(32, 5, 1, 6), Step(32, 3, 1, 6),
            Step(64, 5, 2, 6), Step(64, 5, 1, 3), Step(64, 5, 1, 6), Step(64, 5, 1, 6),
            Step(112, 5, 1, 6), Step(112, 5, 1, 6), Step(112, 5, 1, 6), Step(112, 5, 1, 3),
            *repeat(4, Step(184, 5, 2, 6)),
            Step(352, 3, 1, 6),
        ]  # fmt: skip
        super().__init__(16, steps, 1984, relu)


def _proxyless(
    stages: Sequence[tuple[int, Sequence[int | None], Sequence[int | None]]], strides: Sequence[int]
) -> list[Step]:
    """Read stages of output channels, kernels and expansions; None where the search kept only the shortcut."""
    steps = []
    for (width, kernels, expansions), stride in zip(stages, strides, strict=True):
        for index, (kernel_size, expansion) in enumerate(zip(kernels, expansions, strict=True)):
            if kernel_size is not None and expansion is not None:
                steps.append(Step(width, kernel_size, 1 if index else stride, expansion))
    return steps


_PROXYLESS_STRIDES = (1, 2, 2, 2, 1, 2, 1)


class ProxylessNASCPU(InvertedResiduals):
    """Searched for a CPU's latency."""

    def __init__(self) -> None:
        """Build the layers."""
        stages = (
            (24, (3,), (1,)), (32, (3, 3, 3, 3), (6, 3, 3, 3)), (48, (3, 3, 3, 5), (6, 3, 3, 3)),
            (88, (3, None, None, 3), (6, None, None, 3)), (104, (5, 3, 3, 3), (6, 3, 3, 3)),
            (216, (5, 5, 5, 3), (6, 3, 3, 3)), (360, (5,), (6,)),
        )  # fmt: skip
        super().__init__(40, _proxyless(stages, _PROXYLESS_STRIDES), 1432, relu6)


class ProxylessNASGPU(InvertedResiduals):
    """Searched for a GPU's latency: few blocks, large kernels."""

    def __init__(self) -> None:
        """Build the layers."""
        stages = (
            (24, (3,), (1,)), (32, (5, None, None, None), (3, None, None, None)),
            (56, (7, None, None, 3), (3, None, None, 3)), (112, (7, None, None, 5), (6, None, None, 3)),
            (128, (5, None, 3, 5), (6, None, 3, 3)), (256, (7, 7, 7, 5), (6, 6, 6, 6)), (432, (7,), (6,)),
        )  # fmt: skip
        super().__init__(40, _proxyless(stages, _PROXYLESS_STRIDES), 1728, relu6)


class ProxylessNASMobile(InvertedResiduals):
    """Searched for a phone's latency."""

    def __init__(self) -> None:
        """Build the layers."""
        stages = (
            (16, (3,), (1,)), (32, (5, 3, None, None), (3, 3, None, None)), (40, (7, 3, 5, 5), (3, 3, 3, 3)),
            (80, (7, 5, 5, 5), (6, 3, 3, 3)), (96, (5, 5, 5, 5), (6, 3, 3, 3)), (192, (7, 7, 7, 7), (6, 6, 3, 3)),
            (320, (7,), (6,)),
        )  # fmt: skip
        super().__init__(32, _proxyless(stages, _PROXYLESS_STRIDES), 1280, relu6)
