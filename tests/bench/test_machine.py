"""What benches say of the machine."""

from machine import describe, stolen_and_busy, stolen_since


def test_a_machine_is_named_with_what_was_taken_of_it():
    host = {"cpu": "AMD EPYC", "cores": 2, "versions": {"numpy": "2", "torch": "2.13.0", "openvino": None}}
    assert describe(host, 0.05) == (
        "AMD EPYC, 2 cores, torch 2.13.0; the host gave 5.0% of this machine's busy time to others"
    )
    assert describe({}, 0.0).startswith("an unknown processor, ? cores; ")
    assert describe(host, None) == "AMD EPYC, 2 cores, torch 2.13.0"


def test_the_stolen_share_is_of_the_time_since():
    """Not of all time since the machine was started."""
    stolen, busy = stolen_and_busy()
    assert 0 <= stolen <= busy
    assert stolen_since((stolen - 100, busy - 400)) > 0.2
    assert 0 <= stolen_since((stolen, busy)) <= 1
