"""examples/pytest-formfunc-example, installed as a user installs it: entry points add one entry of each kind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine
EXAMPLE = Path(__file__).parent.parent / "examples" / "pytest-formfunc-example"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build the package and install it into a folder, without network; return that folder."""
    folder = tmp_path_factory.mktemp("example")
    source = shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", str(folder / "site"), str(source)], check=True, capture_output=True)
    return folder / "site"


def with_it(installed):
    return {"PYTHONPATH": os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])}


def test_its_names_are_measured_with_real_parity(bench, installed):
    """Its pattern and a bundled one run on its engine, and the record has the number of folded batch norms."""
    outcome = bench.measure(
        "--formfunc-patterns", "asymmetric,residual", "--formfunc-depths", "1", "--formfunc-widths", "8",
        "--formfunc-backends", "torch-folded", "--benchmark-json", "out.json", env=with_it(installed),
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    records = bench.records("out.json")
    assert len(records) == 4
    for name, norms in (("asymmetric", 3), ("residual", 3)):
        record = records[f"{name}-d1-w8-1x3x32x32", "torch-folded"]
        assert record["folded"] == norms
        assert record["parity"]["sqnr_db"] > 60
        assert record["parity"]["output_std"] > 0.01
        assert record["host"]["versions"]["pytest-formfunc-example"] == "0.1.0"


def test_it_is_listed(bench, installed):
    """--formfunc-list shows its target for each name, and the package's version."""
    outcome = bench.pytest("--formfunc-list", env=with_it(installed))
    assert outcome.code == 0, outcome.text
    assert "architecture, formfunc_example.mixer:MixerSmall16" in outcome.text
    assert "\n  torch-folded     available; PyTorch eager, batch norms folded" in outcome.text
    assert "pytest-formfunc-example 0.1.0" in outcome.text


def test_its_architecture_has_the_declared_figures(installed):
    """Parameters and MACs are as declared, and its engine says what it cannot take."""
    code = """
import sys, pathlib, pytest_formfunc.extensions as extensions
extensions.use(extensions.gather(extensions.entry_point_offers()))
assert "torch" not in sys.modules and "pytest" not in sys.modules
from pytest_formfunc.forms.architectures import architecture_class, architecture_entry
entry = architecture_entry("mixer_small_16")
network = architecture_class("mixer_small_16")().eval()
import torch
from pytest_formfunc.function.cost import count_cost
cost = count_cost(network, (torch.zeros(entry.input_shape),))
assert (cost.params, round(cost.macs / 1e6)) == (entry.params, entry.macs), cost
from pytest_formfunc.backends import backend_entry
from pytest_formfunc.errors import Unsupported
from pytest_formfunc.forms.built import Inputs, Network
class Branching(torch.nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x
inputs = Inputs((torch.ones(1),))
try:
    backend_entry("torch-folded").engine_class().prepare(Network(inputs, lambda seed: inputs, Branching()), pathlib.Path("x"))
except Unsupported as error:
    print(error)
"""
    environment = {**os.environ, **with_it(installed)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "torch.fx does not trace it (TraceError)\n"
