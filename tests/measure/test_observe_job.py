"""What an instrument answers of an engine: it is not asked of a card what only holds of the processor."""

import pytest

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.instruments import INSTRUMENTS
from pytest_formfunc.measure.observe_job import look


@pytest.mark.parametrize("name", INSTRUMENTS.names())
def test_of_an_engine_on_a_card_nothing_is_told_that_holds_of_the_processor(name, monkeypatch):
    """Its caches, its memory's bandwidth and its counters are not those of the card; zeros are the network's own."""
    kind = type(INSTRUMENTS.entry(name).make())

    def refuse(self, subject):
        raise MeasurementError("it was asked")

    monkeypatch.setattr(kind, "observe", refuse)
    assert look(name, None, on_card=False) == {"unavailable": "it was asked"}
    told = look(name, None, on_card=True)["unavailable"]
    assert told == (
        "it was asked" if name == "zeros" else "it looks at the processor, and this engine computes on a card"
    )
