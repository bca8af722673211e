"""Networks like those of public bug reports, written anew: each is measured, or one sentence says whose fault it is.

Prints what each engine makes of each network. Nothing is timed for long; it takes about two minutes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.field_networks import REMEMBERS

ENGINES = ("openvino", "onnxruntime", "inductor")
NETS = (
    '''
import pytest
import torch
import torch.nn.functional as F
from torch import nn


class Lambda(nn.Module):
    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)


class Cache(nn.Module):
    """Writes keys into a buffer at given positions and returns all of it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("keys", torch.zeros(2, 4, 16, 8))

    def forward(self, places, keys):
        self.keys[:, :, places] = keys
        return self.keys * 2


'''
    + REMEMBERS
    + '''


class CountsAndBranches(nn.Module):
    """Changes a buffer, then goes one of two ways by what is in a tensor."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x):
        self.calls += 1
        return x * 2 if x.mean() > 0 else x


torch.manual_seed(0)
CASES = {
    # https://github.com/microsoft/onnxruntime/issues/11496
    "bicubic_to_one_pixel": (
        Lambda(lambda self, x: F.interpolate(x, size=(1, 1), mode="bicubic")), torch.rand(1, 1, 4, 4)),
    # https://github.com/microsoft/onnxruntime/issues/12098
    "nearest_along_one_axis": (
        Lambda(lambda self, x: F.interpolate(x, size=(1, 1, 64), mode="nearest")),
        torch.arange(26.0).reshape(1, 1, 1, 1, 26)),
    # https://github.com/openvinotoolkit/openvino/issues/22421
    "unfold_of_places_of_a_mask": (
        Lambda(lambda self, x, mask: F.unfold(x, (5, 5), stride=4, padding=2).permute(0, 2, 1)[torch.where(mask)]),
        (torch.randn(1, 4, 16, 16), torch.rand(1, 16) > 0.5)),
    # https://github.com/microsoft/onnxruntime/issues/20357
    "mean_of_all_axes_but_one": (
        Lambda(lambda self, x: self.second(self.first(x)).mean(dim=(1, 2, 3)),
               first=nn.Conv2d(3, 64, 3, padding=1), second=nn.Conv2d(64, 1, 1)),
        torch.randn(2, 3, 16, 16)),
    # https://github.com/NVIDIA/TensorRT/issues/4646
    "sampling_many_small_images": (
        Lambda(lambda self, x, grid: F.grid_sample(x, grid, align_corners=False)),
        (torch.randn(256, 1, 1, 64), torch.randn(256, 1, 9, 2))),
    # https://github.com/iree-org/iree-turbine/issues/85
    "cache_of_keys": (Cache(), (torch.arange(4), torch.randn(2, 4, 4, 8))),
    # https://github.com/pytorch/pytorch/issues/160066
    "remembers_its_output": (Remembers(), torch.randn(1, 8)),
    # https://github.com/pytorch/pytorch/pull/172567
    "counts_and_branches": (CountsAndBranches(), torch.randn(1, 8)),
    # https://github.com/openvinotoolkit/openvino/issues/30041: errors of 1e-4, which are rounding
    "deep_with_small_outputs": (
        nn.Sequential(*[nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()) for _ in range(12)]),
        torch.randn(1, 8, 32, 32)),
    # https://github.com/pytorch/pytorch/issues/142161: a cache as an argument
    "lists_of_tensors": (
        Lambda(lambda self, x, keys: x + torch.cat(keys["keys"], 1).sum((1, 2, 3))[:, None]),
        (torch.randn(3, 8), {"keys": [torch.randn(3, 2, 5, 6), torch.randn(3, 2, 5, 6)]})),
}


@pytest.mark.parametrize("name", CASES)
def test_net(formfunc, name):
    formfunc(*CASES[name])
'''
)


def test_each_is_measured_or_has_one_sentence(tmp_path, capsys):
    """No traceback, no ended session, and native is right in each of these."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_nets.py").write_text(NETS)
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "--formfunc-backends", ",".join(ENGINES), "--formfunc-budget", "1s",
            "--formfunc-report=report.json", "-p", "no:cacheprovider", f"--junitxml={tmp_path}/junit.xml",
        ],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "CI": ""},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "Traceback" not in done.stdout
    measured = {(one["case"], one["backend"]): one["parity"]["sqnr_db"] for one in _records(tmp_path / "report.json")}
    said = _sentences(tmp_path / "junit.xml")
    with capsys.disabled():
        print()
        for name in re.findall(r'^    "(\w+)": \(', NETS, re.MULTILINE):
            for engine in ENGINES:
                case = f"test_nets.py::test_net[{name}]"
                sqnr = measured.get((case, engine))
                words = said.get(f"test_net[{engine}-{name}]") or said.get(f"test_net[{name}-{engine}]", "?")
                print(
                    f"reported: {name:28} {engine:12} {f'measured, {sqnr} dB' if (case, engine) in measured else words}"
                )
                assert (case, engine) in measured or words != "?"


def _records(path: Path):
    return [one for one in json.loads(path.read_text()) if not one["native"]]


def _sentences(path: Path):
    from xml.etree import ElementTree

    cases = ElementTree.parse(path).iter("testcase")
    return {one.get("name"): failure.get("message") for one in cases for failure in one.iter("failure")}
