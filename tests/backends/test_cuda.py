"""What engines for NVIDIA GPUs do that needs no GPU."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.engine

PROGRAM = """
import torch
from pytest_formfunc.backends.cuda import use_true_float32
{before}
use_true_float32()
backends = torch.backends
assert not backends.cuda.matmul.allow_tf32 and not backends.cudnn.allow_tf32
assert torch.get_float32_matmul_precision() == "highest"
newer = backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn
assert [place.fp32_precision for place in newer] == ["ieee"] * 3
"""


@pytest.mark.parametrize(
    "before",
    [
        "",
        "torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True",
        "torch.backends.fp32_precision = 'tf32'",
        "torch.backends.cuda.matmul.fp32_precision = torch.backends.cudnn.conv.fp32_precision = 'tf32'",
    ],
)
def test_what_a_user_s_module_set_does_not_survive(before):
    """PyTorch has two ways to switch TF32 on; code that asks by either finds it off, and no error."""
    subprocess.run([sys.executable, "-c", PROGRAM.format(before=before)], check=True)
