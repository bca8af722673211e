"""What instruments have found, in words: of a case, and what holds for the whole run once."""

from support.records import native_record, record

from pytest_formfunc.report.why import explain, explain_once

ESTIMATE = {"value": 0.4, "low": 0.1, "high": 0.7, "level": 0.95, "n": 3}
NOT_SHOWN = "this processor does not show it"


def reuse(share=32, shared=()):
    return {
        "efficacy": 1.0, "efficacy_of_whole": 0.25, "touched_bytes": 9_000_000, "llc_bytes": 32 << 20,
        "cache_bytes": share << 20, "cache_from": "share" if shared else "measured", "shared": list(shared),
    }  # fmt: skip


def counters(**not_counted):
    return {"per_call": {"page-faults": ESTIMATE}, "ratios": {}, "not_counted": not_counted}


def told(*records):
    return "\n".join(explain(records)), "\n".join(explain_once(records))


def test_the_ways_to_find_efficacy_stand_side_by_side():
    own = record(0.002, observations={"cache": {"efficacy": ESTIMATE}, "reuse": reuse()})
    of_case, _ = told(own)
    assert "openvino: efficacy of the last-level cache 0.40 (0.10 to 0.70) by time, 1.00 by the model" in of_case


def test_what_the_machine_does_not_count_is_one_note():
    records = [
        record(0.002, case=case, observations={"counters": counters(instructions=NOT_SHOWN, branches=NOT_SHOWN)})
        for case in ("a", "b")
    ]
    of_case, once = told(*records)
    assert "not counted" not in of_case
    assert once == f"not counted: instructions, branches: {NOT_SHOWN}"


def test_an_instrument_that_works_nowhere_is_one_note():
    missing = {"unavailable": "perf is not installed"}
    records = [native_record(observations={"counters": missing}), record(0.002, observations={"counters": missing})]
    of_case, once = told(*records)
    assert of_case == ""
    assert once == "counters: not observed, because perf is not installed"


def test_an_instrument_that_works_for_one_side_is_told_with_the_other():
    refused = {"unavailable": "the engine cannot compute one large product"}
    records = [
        native_record(observations={"counters": counters()}), record(0.002, observations={"counters": refused})
    ]  # fmt: skip
    of_case, once = told(*records)
    assert "openvino: not observed, because the engine cannot" in of_case
    assert once == ""


def test_share_of_the_cache_is_told():
    reason = "8 cores share it, and this process may use 2"
    of_case, once = told(record(0.002, observations={"reuse": reuse(8, [reason])}))
    assert "a cache of 8 MiB (which is its share) spares a repeated call 100%" in of_case
    assert "all 32 MiB would spare 25%" in of_case
    assert once == f"not all of the last-level cache may be this process' own: {reason}"


def test_contended_case_is_one_sentence():
    unseen = {name: {"unavailable": "the case is contended"} for name in ("cache", "reuse")}
    seen = {"cache": {"efficacy": ESTIMATE}, "reuse": reuse()}
    records = [record(0.002, case="a", observations=unseen), record(0.002, case="b", observations=seen)]
    assert [*explain(records[:1], records)] == ["openvino: not observed, because the case is contended"]


def test_simulated_counts_are_labelled():
    calls = {"instructions": 1.5e6, "mispredicted": 2e3}
    of_case, _ = told(record(0.002, observations={"callgrind": {"per_call": calls}}))
    assert "not the code that is timed" in of_case
    assert "1.5 million instructions, 2,000 mispredictions" in of_case
