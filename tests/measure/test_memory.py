"""The check whether a model fits into memory uses the smallest limit, and its message has both figures."""

import pytest

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.host import MemoryLimit, memory_limit
from pytest_formfunc.measure import memory


def machine(tmp_path, *, group="max", above="max", free_kb=1000):
    """Return the arguments of `memory_limit` for a made-up machine."""
    inner = tmp_path / "pod" / "job"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text(group)
    (tmp_path / "pod" / "memory.max").write_text(above)
    (tmp_path / "membership").write_text("0::/pod/job\n")
    (tmp_path / "meminfo").write_text(f"MemTotal: 9999 kB\nMemAvailable: {free_kb} kB\n")
    return tmp_path, tmp_path / "membership", tmp_path / "meminfo"


@pytest.mark.parametrize(
    ("facts", "limit"),
    [
        ({}, MemoryLimit(1_024_000, "free memory")),
        ({"group": "5000"}, MemoryLimit(5000, "the container's limit")),
        ({"group": "5000", "above": "4000"}, MemoryLimit(4000, "the container's limit")),
        ({"group": "5000000", "free_kb": 1}, MemoryLimit(1024, "free memory")),
    ],
)
def test_the_smallest_limit_counts(tmp_path, facts, limit):
    """The limits are those of the process' own control group, of the groups above it, and the free memory."""
    assert memory_limit(*machine(tmp_path, **facts)) == limit


def test_a_model_that_does_not_fit_is_one_sentence(monkeypatch):
    """The message has both figures; a model of unknown size is not refused."""
    monkeypatch.setattr(memory, "memory_limit", lambda: MemoryLimit(2_000_000, "the container's limit"))
    memory.check_memory("net", 1_000_000, 2)
    memory.check_memory("net", None, 2)
    with pytest.raises(MeasurementError) as refusal:
        memory.check_memory("net", 1_100_000, 2)
    assert str(refusal.value) == (
        "net does not fit: its weights need 1 MB in each of 2 processes, and there are 2 MB (the container's limit)"
    )
    monkeypatch.setattr(memory, "memory_limit", lambda: None)
    memory.check_memory("net", 10**15, 2)
