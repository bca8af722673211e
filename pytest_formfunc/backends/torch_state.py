"""PyTorch's settings of this process that differ from its defaults and that a model's code may have changed."""

from __future__ import annotations

from typing import Any


def float32_precision() -> str:
    """Return the precision of float32 products: ``highest``, or what else was set, perhaps for each library apart."""
    import torch

    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # by PyTorch's newer settings, of which the older function knows nothing
        mkldnn: Any = torch.backends.mkldnn
        cuda = torch.backends.cuda.matmul.fp32_precision
        return f"{cuda} for CUDA, {mkldnn.matmul.fp32_precision} for oneDNN"


def unusual_settings() -> dict[str, Any]:
    """Return the settings that differ, as a reader of the record would call them; they hold while native is timed."""
    import torch

    found: dict[str, Any] = {}
    if torch.get_default_dtype() != torch.float32:
        found["default dtype"] = str(torch.get_default_dtype()).removeprefix("torch.")
    if torch.get_deterministic_debug_mode():
        found["deterministic algorithms"] = "on"
    if (precision := float32_precision()) != "highest":
        found["float32 matmul precision"] = precision
    if not torch._C._get_mkldnn_enabled():
        found["oneDNN"] = "off"
    if torch.is_autocast_enabled("cpu"):
        found["autocast"] = str(torch.get_autocast_dtype("cpu")).removeprefix("torch.")
    if torch.is_anomaly_enabled():
        found["anomaly detection"] = "on"
    return found
