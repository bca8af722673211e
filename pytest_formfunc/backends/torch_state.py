"""PyTorch's settings of this process that differ from its defaults and that a model's code may have changed."""

from __future__ import annotations

from typing import Any


def unusual_settings() -> dict[str, Any]:
    """Return the settings that differ, as a reader of the record would call them; they hold while native is timed."""
    import torch

    found: dict[str, Any] = {}
    if torch.get_default_dtype() != torch.float32:
        found["default dtype"] = str(torch.get_default_dtype()).removeprefix("torch.")
    if torch.get_deterministic_debug_mode():
        found["deterministic algorithms"] = "on"
    if torch.get_float32_matmul_precision() != "highest":
        found["float32 matmul precision"] = torch.get_float32_matmul_precision()
    if not torch._C._get_mkldnn_enabled():
        found["oneDNN"] = "off"
    if torch.is_autocast_enabled("cpu"):
        found["autocast"] = str(torch.get_autocast_dtype("cpu")).removeprefix("torch.")
    if torch.is_anomaly_enabled():
        found["anomaly detection"] = "on"
    return found
