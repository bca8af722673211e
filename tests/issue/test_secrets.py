"""What may not be said is found in bytes and taken out of texts, and nothing else is."""

from pathlib import Path

import pytest

from pytest_formfunc.issue.secrets import Secrets, cleaned, secrets_of

ALEX = Secrets(paths=("/home/alexandra/nets", "/home/alexandra"), names=("enterprise-7", "alexandra"))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/home/alexandra/nets/a.onnx", "a.onnx"),
        ("at /home/alexandra/nets", "at "),
        ("/home/alexandra-2/x", "x"),
        ("/data/models/net.onnx-1x3x8x8", "net.onnx-1x3x8x8"),
        ("alexandra_net on enterprise-7", "removed_net on removed"),
        ("alexandrian", "alexandrian"),
        ("see https://example.org/a?b or git@github.com:a/b.git", "see removed or removed"),
        ("12 GFLOP/s, loads/stores, t.py::test[a/b]", "12 GFLOP/s, loads/stores, t.py::test[a/b]"),
        ("conv/aten.conv2d.default/Add", "conv/aten.conv2d.default/Add"),
    ],
)
def test_a_text_is_cleaned(text, clean):
    assert ALEX.clean(text) == clean


def test_names_of_fields_stay_and_those_of_data_are_cleaned():
    given = {"case": "alexandra", "graph": {"alexandra.conv": ["/home/alexandra/x", 1, None, True]}}
    told = Secrets(ALEX.paths, (*ALEX.names, "case"))
    assert cleaned(given, told, frozenset({"case", "graph"})) == {
        "case": "removed",
        "graph": {"removed.conv": ["x", 1, None, True]},
    }


@pytest.mark.parametrize(
    ("content", "raw", "found"),
    [
        (b"\x00/home/alexandra/nets/a.py\x00", False, "folder"),
        (b"\x00/home/alexandra/nets/a.py\x00", True, "folder"),
        (b"\xffalexandra\x01", False, "user"),
        (b"\xffalexandra\x01", True, ""),
        (b"alexandrian, enterprise-70", False, ""),
    ],
)
def test_bytes_are_looked_through(content, raw, found):
    assert found in ALEX.found_in(content, raw=raw)
    assert bool(ALEX.found_in(content, raw=raw)) == bool(found)


@pytest.mark.parametrize(
    ("user", "host", "names"),
    [
        ("alexandra", "enterprise-7.example.org", {"alexandra", "enterprise-7", "enterprise-7.example.org"}),
        ("root", "vm", set()),
        ("bob", "localhost", set()),
        ("median", "ubuntu", set()),
    ],
)
def test_a_common_word_is_no_secret(monkeypatch, tmp_path, user, host, names):
    """Nor is a short one, nor one that every report has."""
    monkeypatch.setenv("HOME", str(tmp_path / "bob"))
    monkeypatch.setenv("LOGNAME", user)
    monkeypatch.setattr("socket.gethostname", lambda: host)
    monkeypatch.chdir(tmp_path)
    found = secrets_of([Path("cache")], ["median"])
    assert {*found.names} == names
    assert {str(tmp_path), str(tmp_path / "bob"), str(tmp_path / "cache")} <= {*found.paths}
    assert list(found.paths) == sorted(found.paths, key=len, reverse=True)
