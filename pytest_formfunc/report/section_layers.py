"""The page's section on layers: a table for each case and engine, native beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_formfunc.report.estimates import estimate_of
from pytest_formfunc.report.markup import table, text
from pytest_formfunc.results import Results
from pytest_formfunc.units import format_bytes, format_estimate, format_ms, format_percent

_HEAD = ("layer", "native ms", "ms", "speedup", "MMACs", "bytes", "of the roof", "kernel", "precision", "layout")


def layers(results: Results) -> str:
    """Render the tables; nothing where no layers were observed."""
    body = ""
    for record in results.records.values():
        found = record.observations.get("layers", {})
        if record.native or not found.get("layers"):
            continue
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):  # it may come from a damaged file
            rows = [*_rows(found)]
            body += f"<h3>{text(record.title)}</h3>\n{table([_HEAD], rows, 'layers')}"
    return f"<h2>Layer by layer</h2>\n{body}" if body else ""


def _rows(found: Mapping[str, Any]) -> Iterator[list[str]]:
    for layer in found["layers"]:
        yield [
            str(layer["layer"]),
            _ms(layer, "native_seconds"),
            _ms(layer, "seconds"),
            format_estimate(estimate_of(layer["speedup"])) if "speedup" in layer else "",
            f"{float(layer['macs']) / 1e6:.3g}",
            format_bytes(float(layer["moved_bytes"])),
            format_percent(round(float(layer["share_of_roof"]), 2)) if "share_of_roof" in layer else "",
            *(", ".join(dict.fromkeys(map(str, layer.get(name, ())))) for name in ("kernels", "precisions", "layouts")),
        ]
    yield ["unattributed", "", format_ms(float(found["unattributed_s"]["value"])), *[""] * 7]


def _ms(layer: Mapping[str, Any], name: str) -> str:
    return format_ms(float(layer[name]["value"])) if name in layer else ""
