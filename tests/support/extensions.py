"""A user's module with one pattern, one architecture and one engine, and the conftest.py that adds them."""

FORMS = '''
import torch
from torch import nn

from helpers import relu
from pytest_formfunc.backends.base import Engine
from pytest_formfunc.backends.native import NativeEngine
from pytest_formfunc.forms.block import Block


class Shifted(Block):
    """A 1x1 convolution with bias."""

    def __init__(self, channels, width):
        super().__init__(channels, width)
        self.conv = nn.Conv2d(channels, width, 1)

    def forward(self, x):
        return relu(self.conv(x))

    @staticmethod
    def count_params(channels, width):
        return channels * width + width

    @staticmethod
    def count_macs(channels, width, height, width_px):
        return channels * width * height * width_px


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        return self.head(relu(self.conv(x)).mean((2, 3)))


class Last(NativeEngine):
    """Eager, channels last."""

    def load(self, source, artifact):
        super().load(source, artifact)
        self._network = self._network.to(memory_format=torch.channels_last)
'''
HELPERS = """
import torch


def relu(x):
    return torch.relu(x)
"""
CONFTEST = """
from pytest_formfunc.backends import BackendEntry
from pytest_formfunc.forms.architectures import ArchitectureEntry
from pytest_formfunc.forms.patterns import PatternEntry


def pytest_formfunc_patterns(config):
    return [PatternEntry("shifted", "myforms:Shifted", width_multiple=4)]


def pytest_formfunc_architectures(config):
    return [ArchitectureEntry("tiny", "myforms:Tiny", params=314, side=32)]


def pytest_formfunc_backends(config):
    return [BackendEntry("last", "myforms:Last", ("torch", "numpy"), summary="eager, channels last")]
"""


def write_extensions(project):
    """Write the three files into a project's root folder."""
    project.write("myforms.py", FORMS)
    project.write("helpers.py", HELPERS)
    project.write("conftest.py", CONFTEST)
