"""The registry of named architectures. Importing this loads no torch.

Add one in two steps: a class in its family's file and one entry in `ARCHITECTURES`. Its option, its test and its row in
the report follow from the entry. Other packages add theirs without editing this file: docs/extending.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_formfunc.forms.loading import load_entry
from pytest_formfunc.registry import Table

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ArchitectureEntry:
    """One architecture.

    Attributes:
        name: what the user types.
        target: ``module:ClassName``; the module is relative to this package, or absolute for an added architecture.
            The class takes no arguments.
        params: number of parameters, for a thousand classes; None where an added architecture does not declare it.
        macs: multiply-adds of convolutions and linear layers for one image, in millions; None where no source gives
            them.
        side: height and width in pixels of the images that it is made for.
        fixed: whether it takes only that size.
    """

    name: str
    target: str
    params: int | None = None
    macs: float | None = None
    side: int = 224
    fixed: bool = False

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Return the shape of one image."""
        return (1, 3, self.side, self.side)


# Hand-crafted architectures first, then those found by a search.
ARCHITECTURES: tuple[ArchitectureEntry, ...] = (
    ArchitectureEntry("vgg16", "vgg:VGG16", 138_357_544, 15_470),
    ArchitectureEntry("resnet18", "resnet:ResNet18", 11_689_512, 1_814),
    ArchitectureEntry("resnet50", "resnet:ResNet50", 25_557_032, 4_089.2),
    ArchitectureEntry("wide_resnet50_2", "resnet:WideResNet50", 68_883_240, 11_398),
    ArchitectureEntry("resnext50", "resnet:ResNeXt50", 25_028_904, 4_230),
    ArchitectureEntry("densenet121", "densenet:DenseNet121", 7_978_856, 2_834),
    ArchitectureEntry("googlenet", "googlenet:GoogLeNet", 7_005_832, None),
    ArchitectureEntry("inception_v3", "inception:InceptionV3", 23_834_568, 5_713, side=299),
    ArchitectureEntry("squeezenet1_1", "squeezenet:SqueezeNet", 1_235_496, 349),
    ArchitectureEntry("mobilenet_v1", "mobile:MobileNetV1", 4_231_976, None),
    ArchitectureEntry("mobilenet_v2", "mobile:MobileNetV2", 3_504_872, 300.8),
    ArchitectureEntry("shufflenet_v2", "shufflenet:ShuffleNetV2", 2_278_604, 144.9),
    ArchitectureEntry("ghostnet", "ghostnet:GhostNet", 5_182_508, None),
    ArchitectureEntry("repvgg_a0", "repvgg:RepVGGA0", 8_309_384, None),
    ArchitectureEntry("convnext_tiny", "convnext:ConvNeXtTiny", 28_589_128, None),
    ArchitectureEntry("vit_small_16", "vit:ViTSmall16", 22_050_664, None, fixed=True),
    ArchitectureEntry("mobilenet_v3_large", "mobile:MobileNetV3Large", 5_483_032, 216.6),
    ArchitectureEntry("mnasnet_a1", "mobile:MnasNetA1", 3_887_038, 311.6),
    ArchitectureEntry("mnasnet_b1", "mobile:MnasNetB1", 4_383_312, 314.4),
    ArchitectureEntry("efficientnet_b0", "mobile:EfficientNetB0", 5_288_548, 385.8),
    ArchitectureEntry("fbnet_c", "mobile:FBNetC", 5_570_664, 378.14),
    ArchitectureEntry("proxylessnas_cpu", "mobile:ProxylessNASCPU", 4_361_648, 439.24),
    ArchitectureEntry("proxylessnas_gpu", "mobile:ProxylessNASGPU", 7_119_848, 465.26),
    ArchitectureEntry("proxylessnas_mobile", "mobile:ProxylessNASMobile", 4_080_512, 320.43),
    ArchitectureEntry("nasnet_a_mobile", "nasnet:NASNetAMobile", 5_289_978, 563.6),
    ArchitectureEntry("pnasnet5_mobile", "nasnet:PNASNet5Mobile", 5_064_487, 587.3),
    ArchitectureEntry("amoebanet_a", "nasnet:AmoebaNetA", 5_086_930, 554.7),
    ArchitectureEntry("darts", "darts:Darts", 4_718_752, 529.9),
)
TABLE = Table("architecture", ARCHITECTURES)


def architecture_names() -> tuple[str, ...]:
    """List all names in their fixed order, added ones last."""
    return TABLE.names()


def architecture_entry(name: str) -> ArchitectureEntry:
    """Return the entry of an architecture.

    Raises:
        BadInput: there is none of that name.
    """
    return TABLE.entry(name)


def architecture_class(name: str) -> Callable[[], nn.Module]:
    """Import an architecture's class, which loads torch.

    Raises:
        BadInput: there is no architecture of that name.
        MeasurementError: the target of an added architecture does not import.
    """
    found: Callable[[], nn.Module] = load_entry(TABLE, name, __name__)
    return found
