"""Operators and the steps that compute them, on graphs made by hand: matched where one place is possible."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_formfunc.function.layer_times import cost_of, matched_share
from pytest_formfunc.function.layers import Operator, Row, Step, match, match_both, short


def conv(name, source, module="", macs=100):
    return Operator(name, "aten.conv2d.default", module, (source, f"w_{name}"), is_product=True, macs=macs)


def simple(name, *sources, kind="relu", module="", **more):
    return Operator(name, f"aten.{kind}.default", module, sources, **more)


def product(name, *operators):
    return Step(name, "Convolution", operators, is_product=True)


def found(operators, steps):
    """Return the names of each row's operators and of its steps."""
    return [([one.name for one in row.operators], [one.name for one in row.steps]) for row in match(operators, steps)]


CHAIN = [conv("c1", "x"), simple("n1", "c1", kind="batch_norm"), simple("r1", "n1"),
         conv("c2", "r1"), simple("n2", "c2", kind="batch_norm"), simple("r2", "n2")]  # fmt: skip


def test_a_convolution_that_no_step_names_is_in_the_one_that_names_what_it_feeds():
    """As OpenVINO does, where it has folded the weights of a normalisation into it."""
    steps = [product("A", "n1", "r1"), product("B", "n2", "r2")]
    assert found(CHAIN, steps) == [(["c1", "n1", "r1"], ["A"]), (["c2", "n2", "r2"], ["B"])]


def test_what_a_step_names_last_has_what_leads_to_it():
    """As ONNX Runtime does, which keeps the name of one output."""
    steps = [product("A", "r1"), product("B", "r2")]
    assert found(CHAIN, steps) == [(["c1", "n1", "r1"], ["A"]), (["c2", "n2", "r2"], ["B"])]


def test_what_follows_a_product_is_computed_with_it():
    """An addition and an activation, of which nothing is said; what it adds is read by others too."""
    block = [conv("c1", "x"), simple("r1", "c1"), conv("c2", "r1"), simple("a", "c2", "r1", kind="add"),
             simple("r2", "a"), conv("c3", "r2"), simple("b", "c3", "r2", kind="add")]  # fmt: skip
    steps = [product("A", "r1"), product("B", "c2"), product("C", "c3")]
    assert found(block, steps) == [(["c1", "r1"], ["A"]), (["c2", "a", "r2"], ["B"]), (["c3", "b"], ["C"])]


def test_of_two_products_none_is_guessed():
    """Neither is named, and the step could be either: both are listed without a step."""
    branches = [conv("c1", "x"), conv("c2", "x"), simple("a", "c1", "c2", kind="add")]
    assert found(branches, [product("A", "a")]) == [(["c1"], []), (["c2"], []), (["a"], ["A"])]


def test_the_only_product_that_is_left_is_in_the_only_step_that_is_left():
    """As of Inductor's last layer, which names nothing of the program; of two steps neither is guessed."""
    steps = [product("A", "r1"), product("B")]
    assert found(CHAIN, steps) == [(["c1", "n1", "r1"], ["A"]), (["c2", "n2", "r2"], ["B"])]
    unknown = found(CHAIN, [product("A"), product("B")])
    assert unknown[-2:] == [([], ["A"]), ([], ["B"])]


def test_rows_are_joined_where_an_operator_can_be_in_either():
    """Between two steps that both may have it."""
    chain = [simple("s", "x", kind="softmax"), simple("m", "s", kind="mul"), simple("t", "m", kind="softmax")]
    assert found(chain, [Step("S", "Softmax", ("s",)), Step("T", "Softmax", ("t",))]) == [(["s", "m", "t"], ["S", "T"])]


def test_what_the_engine_puts_in_is_a_row_of_its_own():
    steps = [Step("reorder", "Reorder", before="A"), product("A", "r1"), product("B", "r2")]
    rows = match(CHAIN, steps)
    assert [one.name for one in rows[-1].steps] == ["reorder"]
    assert (rows[-1].operators, rows[-1].is_matched, rows[-1].label) == ([], False, "reorder")


def test_a_view_goes_with_what_it_is_a_view_of():
    chain = [conv("c1", "x"), simple("v", "c1", kind="flatten", is_free=True), conv("c2", "v")]
    assert found(chain, [product("A", "c1"), product("B", "c2")]) == [(["c1", "v"], ["A"]), (["c2"], ["B"])]


def test_what_reads_only_weights_goes_with_the_product_that_reads_it():
    """An engine computes it once, when it compiles."""
    chain = [simple("p", "w", kind="mul", is_constant=True),
             Operator("c", "aten.conv2d.default", "", ("x", "p"), is_product=True)]  # fmt: skip
    assert found(chain, [product("A", "c")]) == [(["p", "c"], ["A"])]


def test_an_operator_in_two_steps_joins_them():
    chain = [simple("s", "x", kind="softmax")]
    steps = [Step("exp", "Eltwise", ("s",)), Step("sum", "Reduce", ("s",))]
    assert found(chain, steps) == [(["s"], ["exp", "sum"])]


def test_names_that_the_program_does_not_have_match_nothing():
    assert found([conv("c1", "x")], [Step("A", "Eltwise", ("elsewhere",))]) == [(["c1"], []), ([], ["A"])]


def test_labels():
    """Modules by what they share; a module's own code by its operators."""
    add = simple("a", kind="add", module="body.0")
    assert Row([conv("c", "x", "body.0.conv"), add, simple("r", module="body.0.act")]).label == "body.0: conv, add, act"
    assert Row([conv("c", "x", "head")]).label == "head: conv2d"
    assert Row([simple("m", kind="mean")]).label == "mean"
    assert short("aten.relu_.default") == "relu"


@st.composite
def graphs(draw):
    """Operators that read earlier ones, and steps that name some of them."""
    operators = []
    for number in range(draw(st.integers(1, 12))):
        sources = draw(st.lists(st.sampled_from(["x", *(one.name for one in operators)]), min_size=1, max_size=2))
        make = draw(st.sampled_from([conv, simple]))
        operators.append(conv(f"o{number}", sources[0]) if make is conv else simple(f"o{number}", *sources))
    names = [one.name for one in operators]
    steps = [
        Step(f"s{number}", "", tuple(draw(st.lists(st.sampled_from(names), max_size=3))), draw(st.booleans()))
        for number in range(draw(st.integers(0, 8)))
    ]
    return operators, steps


@given(graphs())
def test_everything_is_in_one_row(graph):
    """Whatever the engine says: nothing is lost, and nothing counts twice."""
    operators, steps = graph
    rows = match(operators, steps)
    assert sorted(one.name for row in rows for one in row.operators) == sorted(one.name for one in operators)
    assert sorted(one.name for row in rows for one in row.steps) == sorted(one.name for one in steps)
    for step in steps:  # what it names is where it is
        (row,) = [row for row in rows if step in row.steps]
        assert {*step.operators} <= {one.name for one in row.operators}


def test_what_a_row_moves():
    """What it reads from outside and what others read of it, weights too; what stays inside moves nothing."""
    chain = [
        Operator("c1", "aten.conv2d.default", "", ("x", "w1"), is_product=True, macs=7, made_bytes=100),
        Operator("r1", "aten.relu.default", "", ("c1",), made_bytes=100),
        Operator("v", "aten.view.default", "", ("r1",), is_free=True, made_bytes=100),
        Operator("c2", "aten.conv2d.default", "", ("v", "w2"), is_product=True, macs=5, made_bytes=30),
    ]
    sizes = {"x": 40, "w1": 9, "w2": 8}
    costs = [cost_of(Row(part), chain, sizes) for part in (chain[:3], chain[3:])]
    assert [(one.macs, one.moved_bytes) for one in costs] == [(7, 40 + 9 + 100), (5, 100 + 8 + 30)]


def test_the_share_that_is_matched():
    """Of either side's time; a row that one side lacks is not."""
    c, r = conv("c", "x"), simple("r", "c")
    rows = [
        Row([c], [product("A", "c")], [Step("c", "conv2d", ("c",))]),
        Row([r], [], [Step("r", "relu", ("r",))]),
        Row([], [Step("B", "Reorder")]),
    ]
    assert matched_share(rows, {"c": 3.0, "r": 1.0}, others=True) == 0.75
    assert matched_share(rows, {"A": 1.0, "B": 1.0}, others=False) == 0.5
    assert matched_share(rows, {}, others=False) == 0.0


def test_two_engines_side_by_side_are_as_fine_as_both_can_tell():
    """One fuses the first pair, the other one the whole; what either has put in is a row of its own."""
    own = [product("A", "r1"), product("B", "n2"), Step("C", "Relu", ("r2",))]
    theirs = [product("X", "r1"), product("Y", "r2"), Step("reorder", "Reorder")]
    rows = match_both(CHAIN, own, theirs)
    assert [[[one.name for one in part] for part in (row.operators, row.steps, row.others)] for row in rows] == [
        [["c1", "n1", "r1"], ["A"], ["X"]],
        [["c2", "n2", "r2"], ["B", "C"], ["Y"]],
        [[], [], ["reorder"]],
    ]
    assert [row.is_matched for row in rows] == [True, True, False]
