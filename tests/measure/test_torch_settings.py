"""PyTorch's settings of the whole process after a model's code has changed them."""

import pytest

from pytest_formfunc.errors import MeasurementError

pytestmark = pytest.mark.engine


def test_one_models_settings_are_not_the_nexts():
    """Threads, types, deterministic algorithms, precision of products and gradients are as before."""
    import torch

    from pytest_formfunc.measure.torch_settings import kept_settings

    def read():
        return (
            torch.get_num_threads(), torch.get_default_dtype(), torch.get_float32_matmul_precision(),
            torch.get_deterministic_debug_mode(), torch.is_grad_enabled(),
        )  # fmt: skip

    def change_everything():
        with kept_settings():
            torch.set_num_threads(before[0] + 1)
            torch.set_default_dtype(torch.float64)
            torch.set_float32_matmul_precision("medium")
            torch.use_deterministic_algorithms(True)
            torch.set_grad_enabled(False)
            assert all(one != other for one, other in zip(before, read(), strict=True))
            raise ValueError("a model's own fault")

    before = read()
    with pytest.raises(ValueError, match="own fault"):
        change_everything()
    assert read() == before


def test_threads_are_those_of_the_run():
    """A model that sets them when it is built is set right; one that does it in each call is refused."""
    import torch

    from pytest_formfunc.measure.torch_settings import check_threads, kept_settings, set_threads_again

    with kept_settings():
        torch.set_num_threads(3)
        set_threads_again(2)
        assert torch.get_num_threads() == 2
        check_threads(2)
        torch.set_num_threads(3)
        with pytest.raises(MeasurementError, match=r"sets the number of threads to 3 in its calls.*to have 2"):
            check_threads(2)


def test_a_model_may_set_precision_by_the_newer_settings():
    """PyTorch's older question has no answer then, and raises; a user's first line may be this one."""
    import torch

    from pytest_formfunc.backends.torch_state import float32_precision, unusual_settings
    from pytest_formfunc.measure.torch_settings import kept_settings

    with kept_settings():
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        assert float32_precision().startswith("tf32 for CUDA, ")
        assert unusual_settings() == {"float32 matmul precision": float32_precision()}
        with kept_settings():
            pass
    assert (float32_precision(), unusual_settings()) == ("highest", {})
