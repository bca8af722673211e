"""Names that environment variables give to the studies."""

import pytest
from choices import KNOWN, check_choices, choice


def test_names_are_taken_or_the_default_or_all(monkeypatch):
    monkeypatch.delenv("FORMFUNC_BACKENDS", raising=False)
    assert choice("FORMFUNC_BACKENDS", "native,openvino") == ("native", "openvino")
    assert choice("FORMFUNC_BACKENDS") == KNOWN["FORMFUNC_BACKENDS"]
    monkeypatch.setenv("FORMFUNC_BACKENDS", "native-cuda,")
    assert choice("FORMFUNC_BACKENDS", "native") == ("native-cuda",)


@pytest.mark.parametrize("variable", sorted(KNOWN))
def test_unknown_name_ends_the_session_with_a_sentence(variable, monkeypatch):
    check_choices()
    monkeypatch.setenv(variable, "nothing")
    with pytest.raises(pytest.UsageError, match=f"{variable} names 'nothing': known are "):
        check_choices()
