"""What may make a case faster is built and timed on real engines, and what comes of it is in the record and in words."""

import pytest
from support.command import command

pytestmark = pytest.mark.engine

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 28, 3), nn.BatchNorm2d(28), nn.SiLU(), nn.Conv2d(28, 32, 3, groups=4))
        self.key = nn.Linear(32, 32)

    def forward(self, x):
        y = self.body(x).flatten(2).transpose(1, 2)
        return torch.softmax(self.key(y) @ y.transpose(-2, -1) / 5.6, -1) @ y

def test_net(formfunc):
    formfunc(Net(), torch.randn(1, 3, 12, 12))
"""
FOUND = ("gained", "not_gained", "contended")


def test_what_may_be_faster_is_built_and_timed(project):
    """Lints that find a place, one thread, and another engine; for native and for the engine."""
    project.write("test_net.py", NET)
    outcome = project.measure(
        "--formfunc-advise=batch-norm,attention,threads,native-nhwc", "--formfunc-threads=2",
        "--benchmark-json=out.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    for record in project.records("out.json").values():
        found = record["observations"]["advice"]
        tried = [one for kind in FOUND for one in found[kind]]
        assert {one["lint"] for one in tried} == {
            "batch-norm", "attention", "threads", "engine",
        }, found  # fmt: skip
        assert found["not_built"] == {}
        for one in found["gained"]:
            assert one["gain"]["low"] > 1
        for one in found["not_gained"]:
            assert one["gain"]["low"] <= 1 <= one["gain"]["value"] / one["gain"]["low"]
            assert one["gain"]["level"] > 0.95  # for all trials together
    kept = [path.name for path in project.cache.iterdir()]
    assert not [name for name in kept if name.startswith(("batch-norm", "unchanged"))], kept  # needed once
    case = next(iter(project.records("out.json")))[0]
    told = command("why", project.folder / "out.json", case)
    assert told.code == 0, told.text
    assert "openvino, advice: " in told.text


BROKEN = """
from pytest_formfunc.errors import WorkerDied
from pytest_formfunc.run import advising

def probe_backends(workers, names):
    raise WorkerDied("the probe was killed")

advising.probe_backends = probe_backends
"""


def test_what_was_measured_is_not_lost_where_advice_fails_as_a_whole(project):
    """The row stands, the test passes, and the record and the words say why there is no advice."""
    project.write("conftest.py", BROKEN)
    project.write("test_net.py", NET)
    outcome = project.measure("--formfunc-advise=native-nhwc", "--benchmark-json=out.json")
    assert outcome.code == 0, outcome.text
    records = [*project.records("out.json").values()]
    assert [record["backend"] for record in records] == ["openvino"]
    assert all(record["observations"]["advice"] == {"unavailable": "the probe was killed"} for record in records)
    assert "the probe was killed" in " ".join(outcome.text.split())


@pytest.mark.parametrize(("names", "words"), [
    ("chanels", "unknown lint or backend 'chanels': did you mean channels?"),
    ("native", "unknown lint or backend 'native'"),
])  # fmt: skip
def test_a_name_that_is_not_known_is_refused(project, names, words):
    project.write("test_net.py", NET)
    outcome = project.measure(f"--formfunc-advise={names}")
    assert (outcome.code, words in outcome.text) == (4, True), outcome.text
