"""NVIDIA's cards: which one CUDA sees, what makes two runs comparable, and what a user is told; without a card."""

import shutil
import subprocess
import sys

import pytest

from pytest_formfunc import cards, cards_files
from pytest_formfunc.cards import Card, Installed
from pytest_formfunc.errors import MeasurementError

H100 = Card("GPU-aaaa1111", "NVIDIA H100 80GB HBM3", 85_520_809_984, "9.0")
T4 = Card("GPU-aabb2222", "Tesla T4", 15_843_721_216, "7.5")
TWO = Installed((H100, T4), "580.82.07", "13.0")
PARTS = tuple(
    Card(f"MIG-{number}{number}", "NVIDIA A100 MIG 1g.5gb", 4_968_153_088, "8.0", "GPU-cccc3333") for number in range(2)
)


@pytest.mark.parametrize(
    ("order", "seen"),
    [
        (None, (H100, T4)),
        ("", ()),
        ("1", (T4,)),
        (" 1 , 0 ", (T4, H100)),
        ("0,7,1", (H100,)),
        ("0,0,1", (H100,)),
        ("-1", ()),
        ("GPU-aabb2222", (T4,)),
        ("GPU-aab,0", (T4, H100)),
        ("GPU-aa", ()),  # both
        ("GPU-", ()),
        ("H100", ()),
    ],
)
def test_the_cards_that_cuda_sees(order, seen):
    """CUDA ignores everything from the first wrong entry on; a UUID may be cut short where it stays unique."""
    assert TWO.chosen(order) == seen


@pytest.mark.parametrize(
    ("order", "seen"),
    [(None, PARTS[:1]), ("MIG-11", PARTS[1:]), ("0", PARTS[:1]), ("MIG-00,MIG-11", PARTS[:1]), ("GPU-cccc", PARTS[:1])],
)
def test_of_the_parts_that_mig_makes_cuda_uses_one(order, seen):
    """Whichever is named first, or the first of the card."""
    assert Installed(PARTS, "580", "13.0").chosen(order) == seen


def test_two_cards_of_different_kinds_have_different_identities_and_keys():
    """So have another driver, another number of cards, and a part of a card."""
    systems = [
        (TWO, "0"), (TWO, "1"), (TWO, None), (Installed((H100, T4), "570.1", "13.0"), "0"),
        (Installed((H100, T4), "580.82.07", "13.1"), "0"), (Installed(PARTS, "580.82.07", "13.0"), None),
    ]  # fmt: skip
    identities = [cards.identity_of(*one) for one in systems]
    assert len({cards.key_of(one) for one in identities}) == len(systems)
    assert identities[0] == {
        "name": "NVIDIA H100 80GB HBM3", "memory_bytes": 85_520_809_984, "capability": "9.0", "mig": False, "cards": 1,
        "driver": "580.82.07", "cuda": "13.0",
    }  # fmt: skip
    assert cards.identity_of(TWO, "GPU-aaaa1111") == identities[0]
    assert cards.identity_of(TWO, "") == {}


def test_the_driver_s_files_stand_in_where_nvml_is_missing(tmp_path):
    """As the driver of an H100 writes them."""
    for number in range(2):
        (tmp_path / "gpus" / f"0000:0{number}:00.0").mkdir(parents=True)
        text = f"Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 1{number}\nGPU UUID: \t GPU-{number}\n"
        (tmp_path / "gpus" / f"0000:0{number}:00.0" / "information").write_text(text)
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.82.07\nGCC version: 12\n")
    assert cards_files.describe(tmp_path) == {
        "names": ["NVIDIA H100 80GB HBM3"] * 2, "driver": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.82.07",
    }  # fmt: skip
    assert cards_files.describe(tmp_path / "nothing") == {}


def test_without_nvml_another_choice_of_cards_is_another_identity(tmp_path, monkeypatch):
    """Which card it leads to is not known then, so that no artifact and no row is taken over."""
    (tmp_path / "gpus" / "0").mkdir(parents=True)
    (tmp_path / "gpus" / "0" / "information").write_text("Model: Tesla T4\n")
    monkeypatch.setattr(cards_files, "_FILES", tmp_path)
    monkeypatch.setattr(cards_files, "served_cuda", lambda: "12.4")
    monkeypatch.setattr(cards, "describe", dict)
    found = []
    for order in (None, "0", "1"):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if order is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", order)
        found.append(cards.identity())
    assert found[0] == {"names": ["Tesla T4"], "driver": "", "cuda": "12.4", "chosen": ""}
    assert len({cards.key_of(one) for one in found}) == 3
    monkeypatch.setattr(cards_files, "_FILES", tmp_path / "nothing")
    monkeypatch.setattr(cards_files, "served_cuda", lambda: "")
    assert cards.identity() == {}


@pytest.mark.parametrize(
    ("mode", "words"), [(0, None), (2, "compute mode 'prohibited'"), (3, "compute mode 'exclusive process'")]
)
def test_modes_in_which_engines_cannot_take_turns(mode, words):
    reason = cards.why_wrong_mode(mode, "Tesla T4")
    assert reason is None if words is None else words in reason and "nvidia-smi --compute-mode=DEFAULT" in reason


@pytest.mark.parametrize(
    ("serves", "needs", "too_old"), [("12.4", "13.0", True), ("13.0", "12.8", False), ("12.2", "12.8", False)]
)
def test_a_driver_that_is_too_old_for_torch(serves, needs, too_old):
    """Within a major version of CUDA an older driver will do."""
    assert (cards.why_too_old("550", serves, needs) is not None) == too_old


def test_what_a_user_is_told_before_a_run():
    assert cards.notes_on((H100,), []) == []
    (shared,) = cards.notes_on((H100,), [31, 7])
    assert shared.startswith("2 other processes computed on NVIDIA H100 80GB HBM3 as the run began (7, 31)")
    (unlike,) = cards.notes_on((H100, T4), [])
    assert "2 cards of 2 kinds are visible (NVIDIA H100 80GB HBM3, Tesla T4)" in unlike
    assert cards.notes_on((H100, H100), []) == []


@pytest.mark.parametrize(
    ("reasons", "slowed", "words"),
    [
        (0x0, False, ""), (0x1, False, ""), (0x2, False, "a clock that somebody has set"),
        (0x4, False, "its power limit"), (0x28, True, "a slow-down by the hardware, heat, by the driver"),
        (0x40, True, "heat, by the hardware"), (0x80, True, "the power brake"),
    ],
)  # fmt: skip
def test_what_slows_a_card_down(reasons, slowed, words):
    """Heat and the power brake come and go; a set clock and a power limit are the same in the next run."""
    assert cards.is_slowed(reasons) == slowed
    assert cards.words_for(reasons) == words


def test_without_the_extra_it_is_named_and_nothing_is_known(monkeypatch):
    """A run goes on: torch itself tells the most of a card."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(MeasurementError, match=r"pip install .pytest-formfunc\[nvidia\]"):
        cards.installed()
    assert cards.notes() == []
    assert cards.why_unusable("13.0") is None
    monkeypatch.setattr(cards_files, "served_cuda", lambda: "12.4")
    assert "serves CUDA 12.4 and this torch needs CUDA 13: install a newer driver" in cards.why_unusable("13.0")
    assert cards.watch()() is None


def test_without_a_driver_that_is_said():
    """NVML itself answers here, and finds no driver."""
    pytest.importorskip("pynvml")
    if cards_files.describe():
        pytest.skip("this machine has a card")
    with pytest.raises(MeasurementError, match="NVIDIA's driver does not answer"):
        cards.installed()
    assert cards.watch()() is None


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize(("code", "served"), [(0, "12.4"), (1, "")])
def test_the_driver_s_library_says_which_cuda_it_serves(tmp_path, code, served):
    """As libcuda.so.1 does; where that is missing, or fails, nothing is known."""
    source, library = tmp_path / "cuda.c", tmp_path / "libcuda.so.1"
    source.write_text(f"int cuDriverGetVersion(int *version) {{ *version = 12040; return {code}; }}")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    assert cards_files.served_cuda(str(library)) == served
    assert cards_files.served_cuda(str(tmp_path / "missing.so")) == ""
