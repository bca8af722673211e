"""What a judge is told of a measured case."""

from types import SimpleNamespace

from support.records import record

from pytest_formfunc.run.stages import Measured


def test_a_judge_sees_all_records_of_the_run_as_they_are_when_it_asks():
    """Those of other cases too, judged or not: they show how much runs differ."""
    records = {}
    measured = Measured(SimpleNamespace(result=None), SimpleNamespace(prepared=None), None, "group", "identity")
    evidence = measured.evidence(("one", "openvino"), records, lambda more: 0.0)
    assert (evidence.record(), [*evidence.so_far()]) == (None, [])
    both = [record(0.0025, case=name) for name in ("one", "two")]
    records |= {made.key: made for made in both}
    assert evidence.record() is both[0]
    assert [*evidence.so_far()] == both
