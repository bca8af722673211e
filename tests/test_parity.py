import numpy as np
import pytest

from pytest_formfunc.backends import MIN_SQNR_DB
from pytest_formfunc.parity import ParityError, check_native, check_parity

GENERATOR = np.random.default_rng(0)
FIRST, SECOND = GENERATOR.normal(size=(1, 100)), GENERATOR.normal(size=(1, 100))


def check(native, accelerated, precision, what):
    """Compare at the tolerance of a precision."""
    return check_parity(native, accelerated, precision, MIN_SQNR_DB[precision], what)


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


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_outputs_that_are_not_finite_are_refused(bad):
    """This holds for native and for the engine."""
    broken = FIRST.copy()
    broken[0, 3] = bad
    with pytest.raises(ParityError, match=r"native returns NaN or infinity \(1 of 100 values\)"):
        check_native(outputs(broken, SECOND), "native")
    with pytest.raises(ParityError, match="engine returns NaN or infinity"):
        check(outputs(FIRST, SECOND), outputs(FIRST, broken), "f32", "engine")


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
