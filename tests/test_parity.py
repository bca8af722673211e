import math

import numpy as np
import pytest

from pytest_formfunc.backends import MIN_SQNR_DB
from pytest_formfunc.parity import ParityError, check_native, check_parity, explain_disagreement, read_outputs

GENERATOR = np.random.default_rng(0)
FIRST, SECOND = GENERATOR.normal(size=(1, 100)), GENERATOR.normal(size=(1, 100))


def check(native, accelerated, precision="f32", what="engine", **kwargs):
    """Compare at the tolerance of a precision."""
    return check_parity(native, accelerated, precision, MIN_SQNR_DB[precision], what, **kwargs)


def outputs(*arrays):
    return [[array] for array in arrays]


def test_equal_outputs_agree_and_the_error_is_stated():
    """Differences as large as rounding pass, and SQNR and the largest error are returned."""
    noise = 1e-6 * GENERATOR.normal(size=(1, 100))
    parity = check(outputs(FIRST, SECOND), outputs(FIRST + noise, SECOND + noise), "f32", "engine")
    assert parity.ok
    assert 115 < parity.sqnr_db < 125
    assert parity.max_abs_error == pytest.approx(np.abs(noise).max())
    assert parity.output_std == pytest.approx(np.std([FIRST, SECOND]))


@pytest.mark.parametrize(
    ("precision", "error", "passes"), [("f32", 1e-2, False), ("bf16", 1e-2, True), ("bf16", 0.5, False)]
)
def test_tolerance_belongs_to_the_precision(precision, error, passes):
    """An error of 1% passes for bfloat16 and is far too large for float32."""
    noise = error * GENERATOR.normal(size=(1, 100))
    theirs = outputs(FIRST + noise, SECOND + noise)
    if passes:
        assert check(outputs(FIRST, SECOND), theirs, precision, "engine").ok
    else:
        with pytest.raises(ParityError, match=r"engine disagrees with native: SQNR"):
            check(outputs(FIRST, SECOND), theirs, precision, "engine")


def test_a_large_constant_does_not_hide_an_error():
    """The signal is the deviation from the mean: outputs of 1000 ± 1 must not be off by 1."""
    theirs = outputs(FIRST + 1000 + GENERATOR.normal(size=(1, 100)), SECOND + 1000)
    with pytest.raises(ParityError, match="disagrees"):
        check(outputs(FIRST + 1000, SECOND + 1000), theirs, "f32", "engine")


def test_an_error_in_one_of_several_outputs_is_found():
    """The worst output decides."""
    native = [[FIRST, FIRST], [SECOND, SECOND]]
    theirs = [[FIRST, FIRST], [SECOND, -SECOND]]
    with pytest.raises(ParityError, match="disagrees"):
        check(native, theirs, "f32", "engine")


def test_nan_is_refused():
    """Of native and of the engine."""
    broken = FIRST.copy()
    broken[0, 3] = math.nan
    with pytest.raises(ParityError, match=r"native returns NaN \(1 of 100 values\)"):
        check_native(outputs(broken, SECOND), "native")
    with pytest.raises(ParityError, match=r"engine returns NaN or infinity \(1 of 100 values\)"):
        check(outputs(FIRST, SECOND), outputs(FIRST, broken))


def test_infinities_that_native_has_too_are_equal():
    """As of a mask; others are refused, and so are finite values in their place."""
    one, other, wrong, finite = (FIRST.copy() for _ in range(4))
    one[0, :3] = other[0, :3] = finite[0, :3] = [-math.inf, math.inf, -math.inf]
    wrong[0, :3] = -math.inf
    finite[0, 2] = 0.0
    native = outputs(one, SECOND)
    check_native(native, "native")
    assert check(native, outputs(other, SECOND)).sqnr_db == math.inf
    with pytest.raises(ParityError, match=r"returns NaN or infinity \(1 of 100"):
        check(native, outputs(wrong, SECOND))
    with pytest.raises(ParityError, match="1 of 100 values are finite where native's are not"):
        check(native, outputs(finite, SECOND))
    with pytest.raises(ParityError, match="no finite value"):
        check_native(outputs(0 * FIRST - math.inf, 0 * SECOND - math.inf), "native")


@pytest.mark.parametrize("second", [FIRST, FIRST * (1 + 1e-8), FIRST + 1e-9])
def test_outputs_that_do_not_depend_on_the_input_are_refused(second):
    """A network whose output varies by only 1e-8 would agree with any engine."""
    with pytest.raises(ParityError, match="ignores its input"):
        check_native(outputs(FIRST, second), "native")


def test_zero_outputs_are_refused():
    """All zeros are a constant output."""
    with pytest.raises(ParityError, match="ignores its input"):
        check_native(outputs(0 * FIRST, 0 * SECOND), "native")


def test_another_shape_is_refused():
    """Outputs are not broadcast before they are compared."""
    with pytest.raises(ParityError, match="output shapes"):
        check(outputs(FIRST, SECOND), outputs(FIRST[:, :1], SECOND[:, :1]), "f32", "engine")


def test_no_output_is_refused():
    """A model that returns no tensor cannot be compared."""
    with pytest.raises(ParityError, match="no tensor"):
        check_native([[], []], "native")


def test_outputs_whose_size_depends_on_the_input_are_compared():
    """The two inputs may give outputs of different sizes, and some outputs may be empty."""
    native = [[np.zeros((0, 3)), FIRST], [np.zeros((0, 3)), SECOND[:, :60]]]
    assert check(native, native, "f32", "engine").ok
    wrong = [[np.zeros((0, 3)), FIRST], [np.zeros((0, 3)), -SECOND[:, :60]]]
    with pytest.raises(ParityError, match="disagrees with native"):
        check(native, wrong, "f32", "engine")


FOUR = [GENERATOR.normal(size=(1, 16, 8, 8)) for _ in range(4)]


def test_what_moves_is_judged_beside_the_whole():
    """Anchors of 30,000 hide that the image is lost: on the whole the error is small, and nothing that moves is left."""
    anchors = 1e4 * GENERATOR.normal(size=(1, 16, 8, 8))
    native = [[anchors + 1.0 * one] for one in FOUR]
    lost = [[anchors + 0.0 * one] for one in FOUR]
    with pytest.raises(ParityError, match=r"what changes from input to input: SQNR 0 dB, at least 10"):
        check(native, lost, "int8")
    right = [[anchors + 1.1 * one] for one in FOUR]
    assert check(native, right, "int8").ok


def test_each_output_is_judged_by_itself_and_named():
    """Scores are lost while boxes, ten thousand times as large, are right."""
    boxes, scores = [3e4 + 1e4 * one for one in FOUR], [0.01 * one[:, :, 0, 0] for one in FOUR]
    native = [list(pair) for pair in zip(boxes, scores, strict=True)]
    lost = [[box, 0 * score] for box, score in native]
    names = ["['boxes']", "['scores']"]
    with pytest.raises(ParityError, match=r"in output \['scores'\]: SQNR"):
        check(native, lost, "int8", names=names)
    with pytest.raises(ParityError, match="in output 2 of 2: SQNR"):
        check(native, lost, "int8")


def test_the_worst_channel_is_judged():
    """One of sixteen is lost: the whole has 12 dB, which is enough for eight bits, and the channel has none."""
    native = [[one] for one in FOUR]
    lost = [[one * (np.arange(16) != 5).reshape(1, 16, 1, 1)] for one in FOUR]
    with pytest.raises(ParityError, match=r"channel 5: SQNR -?0 dB, at least 6 dB required for int8"):
        check(native, lost, "int8")


def test_a_channel_that_hardly_matters_is_not_judged():
    """Eight bits for a whole tensor leave little of a channel that spreads by a twentieth of the output."""
    small = np.where(np.arange(16) == 5, 0.05, 1.0).reshape(1, 16, 1, 1)
    native = [[one * small] for one in FOUR]
    noisy = [[one * small + 0.1 * GENERATOR.normal(size=one.shape)] for one in FOUR]
    assert check(native, noisy, "int8").ok


def test_rounding_of_natives_own_precision_is_no_error():
    """A movement of 0.001 on a constant of 30,000 is below what float32 holds; the engine is not to blame."""
    native = [[(3e4 + 1e-3 * one).astype(np.float32).astype(float)] for one in FOUR]
    engine = [[(3e4 + 1e-3 * one + 2e-3 * GENERATOR.normal(size=one.shape))] for one in FOUR]
    assert check(native, engine).ok


def test_complex_outputs_are_compared_as_complex():
    """A lost imaginary part is an error, and so is a wrong phase."""
    native = [[one + 1j * other] for one, other in zip(FOUR, reversed(FOUR), strict=True)]
    check_native(native, "native")
    assert check(native, native).sqnr_db == math.inf
    for wrong in (lambda one: one.real + 0j, lambda one: one * 1j, np.conj):
        with pytest.raises(ParityError, match="disagrees with native"):
            check(native, [[wrong(one[0])] for one in native])


@pytest.mark.parametrize(
    ("precision", "differ", "passes"), [("f32", 1, True), ("f32", 20, False), ("int8", 60, True), ("int8", 200, False)]
)
def test_integers_may_differ_where_candidates_tie(precision, differ, passes):
    """In one of a hundred places in float32, and in ten of a hundred below: what is chosen there is chance."""
    native = [[GENERATOR.integers(0, 99, size=(1, 250))] for _ in range(4)]
    theirs = [[one[0].copy()] for one in native]
    for place in range(differ):
        theirs[place % 4][0][0, place // 4] += 1
    if passes:
        assert check(native, theirs, precision).ok
    else:
        with pytest.raises(ParityError, match=f"{differ} of 1000 integers differ"):
            check(native, theirs, precision)


def test_outputs_are_read_as_what_they_are(tmp_path):
    """Half floats become float64 as all floats do; complex, integer and truth values keep their kind; scalars stay."""
    path = tmp_path / "one.npz"
    given = [np.float16(1.5), np.complex64(1 + 2j), np.int32([1, 2]), np.bool_([True]), np.zeros((0, 3), np.float32)]
    np.savez(path, *given)
    (read,) = read_outputs([str(path)])
    assert [one.dtype.name for one in read] == ["float64", "complex128", "int32", "bool", "float64"]
    assert [one.shape for one in read] == [(), (), (2,), (1,), (0, 3)]
    assert complex(read[1]) == 1 + 2j


def test_one_rounding_of_half_outputs_is_no_error():
    """Native computes in float32 and rounds to bfloat16; an engine that does not round is right."""
    rounded = [np.round(one * 128) / 128 for one in (FIRST, SECOND)]
    with pytest.raises(ParityError, match="at least 60 dB required"):
        check(outputs(*rounded), outputs(FIRST, SECOND))
    assert check(outputs(*rounded), outputs(FIRST, SECOND), rounded_to="bf16").ok
    with pytest.raises(ParityError):
        check(outputs(*rounded), outputs(FIRST * 1.1, SECOND * 1.1), rounded_to="bf16")


def test_a_network_that_amplifies_rounding_is_said_to():
    """Where native moves as far by itself, no engine is to blame; where it does not, the engine is."""
    error = ParityError("openvino disagrees with native", error=0.1)
    said = str(explain_disagreement(error, [FIRST], [FIRST + 0.01 * SECOND], 0.0))
    assert said.startswith("openvino disagrees with native; but native's own output changes by 0.00")
    assert "amplifies rounding, which is not the engine's fault" in said
    assert explain_disagreement(error, [FIRST], [FIRST + 1e-6 * SECOND], 1e-6) is error
    of_another_kind = ParityError("openvino returns NaN")
    assert explain_disagreement(of_another_kind, [FIRST], [SECOND], 1.0) is of_another_kind
    assert "torch.export has lost something" in str(explain_disagreement(error, [FIRST], [], 0.1))


def test_a_drawn_input_is_said_to_be_ours():
    """NaN for it may be no fault of native's."""
    with pytest.raises(ParityError, match=r"native returns NaN .* for an input that we drew like the example"):
        check_native(outputs(FIRST, FIRST * np.nan), "native")
    with pytest.raises(ParityError, match=r"native returns NaN \(100 of 100 values\)$"):
        check_native(outputs(FIRST * np.nan, FIRST), "native")
