"""Who takes part in measuring a case, and who takes part twice."""

from types import SimpleNamespace

import pytest

from pytest_formfunc.backends import BACKENDS, KEPT, LIBC, OWN, backend_entry
from pytest_formfunc.measure.lineup import is_same_program, line_up
from pytest_formfunc.measure.participants import Participant, Side

NATIVE, OPENVINO, INDUCTOR = map(Participant, ("native", "openvino", "inductor"))


def prepared(*, native="native", refused=None):
    engines = {"native": native, "openvino": "openvino", "inductor": "inductor"}
    return SimpleNamespace(engines=engines, refused=refused or {})


def test_what_takes_its_memory_from_the_c_library_takes_part_twice():
    """As it is, and in a process that keeps what it frees; OpenVINO keeps its memory anyway."""
    lineup = line_up(["native", "openvino", "inductor"], {Side.HERE: prepared()}, keep=True)
    assert lineup.participants == (NATIVE, NATIVE.kept, OPENVINO, INDUCTOR, INDUCTOR.kept)
    assert lineup.kept == {NATIVE: NATIVE.kept, OPENVINO: OPENVINO, INDUCTOR: INDUCTOR.kept}
    assert lineup.tested == 3
    assert lineup.refused == {}


def test_where_memory_cannot_be_kept_each_takes_part_once():
    """Then native has no counterpart with memory kept, and so no speedup has one."""
    lineup = line_up(["native", "openvino"], {Side.HERE: prepared()}, keep=False)
    assert lineup.participants == (NATIVE, OPENVINO)
    assert lineup.kept == {OPENVINO: OPENVINO}


def test_an_engine_that_stands_for_native_decides_how_native_gets_its_memory():
    """`--formfunc-native native-retain` keeps its memory by itself."""
    lineup = line_up(["native", "openvino"], {Side.HERE: prepared(native="native-retain")}, keep=True)
    assert lineup.participants == (NATIVE, OPENVINO)
    assert lineup.kept == {NATIVE: NATIVE, OPENVINO: OPENVINO}


def test_both_sides_take_part_and_this_one_comes_first():
    """Each with its own native, twice."""
    sides = {Side.HERE: prepared(), Side.THERE: prepared()}
    lineup = line_up(["native", "openvino"], sides, keep=True)
    here = (NATIVE, NATIVE.kept, OPENVINO)
    assert lineup.participants == (*here, *(one.counterpart for one in here))
    assert lineup.kept[NATIVE.counterpart] == NATIVE.kept.counterpart
    assert lineup.tested == 4


@pytest.mark.parametrize("side", [Side.HERE, Side.THERE])
def test_a_backend_of_the_other_side_needs_the_same_one_here(side):
    """What could not be prepared is refused on its side; here, it takes the other side's with it."""
    sides = {one: prepared(refused={"inductor": "no compiler"} if one is side else {}) for one in Side}
    lineup = line_up(["native", "inductor"], sides, keep=True)
    refused = Participant("inductor", side)
    assert lineup.refused == {refused: "no compiler"}
    left = {INDUCTOR, INDUCTOR.kept} if side is Side.THERE else set()
    assert {one for one in lineup.participants if one.backend == "inductor"} == left


def test_every_backend_says_how_it_gets_its_memory():
    """The variants of PyTorch on this processor take it from the C library, and one of them keeps it."""
    memory = {entry.name: entry.memory for entry in BACKENDS}
    assert set(memory.values()) == {LIBC, OWN, KEPT}
    assert [name for name, how in memory.items() if how == KEPT] == ["native-retain"]
    assert {"native", "native-nhwc", "inductor"} <= {name for name, how in memory.items() if how == LIBC}
    assert all(how == OWN for name, how in memory.items() if name.startswith("openvino"))
    assert backend_entry("openvino@GPU").memory == OWN


@pytest.mark.parametrize(
    ("same_native", "keep", "compared", "first_only"),
    [
        (None, True, set(), set()),
        (False, True, set(), {NATIVE.counterpart}),
        (True, True, {NATIVE.counterpart}, set()),
        (False, False, set(), set()),  # without memory kept it is what is judged
        (True, False, {NATIVE.counterpart}, set()),
    ],
)
def test_the_other_side_s_native_takes_part_once_where_no_verdict_needs_it(same_native, keep, compared, first_only):
    """Its outputs are compared in the first launch; this side's stands for both where they run the same program."""
    sides = {Side.HERE: prepared(), Side.THERE: prepared()}
    lineup = line_up(["native", "openvino"], sides, keep=keep, same_native=same_native)
    assert (lineup.compared, lineup.first_only) == (compared, first_only)
    assert lineup.compared | lineup.first_only <= {*lineup.participants}
    assert (NATIVE.kept.counterpart in lineup.participants) == (keep and not same_native)
    assert set(lineup.kept) | {*lineup.kept.values()} <= {*lineup.participants}


@pytest.mark.parametrize(("same_native", "compared"), [(False, set()), (True, {NATIVE.counterpart})])
def test_a_native_whose_outputs_are_not_remembered_takes_part_in_every_launch(same_native, compared):
    """One that keeps its memory by itself computes its outputs in the process that is timed."""
    sides = {side: prepared(native="native-retain") for side in Side}
    lineup = line_up(["native", "openvino"], sides, keep=True, same_native=same_native)
    assert (lineup.compared, lineup.first_only) == (compared, set())


@pytest.mark.parametrize(("here", "there", "same"), [("a", "a", True), ("a", "b", False), ("", "", False)])
def test_programs_are_the_same_by_their_digests(here, there, same):
    """Without a digest nothing is known of it."""
    assert is_same_program(*(SimpleNamespace(program={"digest": one}) for one in (here, there))) == same
