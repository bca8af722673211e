"""How much of the time of native and of engines is matched to a layer: every pattern and six networks; ten minutes.

Native's exported program is run operator by operator, engines report their own steps. A step or an operator that is
matched to nothing of the other side is listed with its share. Prints what profiling costs as well.
FORMFUNC_PATTERNS and FORMFUNC_NETWORK take some forms only, FORMFUNC_BACKENDS other engines.
"""

from __future__ import annotations

import math
import os
from statistics import fmean

from choices import choice
from suite import SUITE
from test_explained import NETWORKS
from test_scaling import observe_suite

from pytest_formfunc.journal.reading import read_journal
from pytest_formfunc.units import format_percent

ENOUGH = 0.95  # of each side's time
PATTERNS = choice("FORMFUNC_PATTERNS")
SIX = "resnet50,mobilenet_v2,darts,squeezenet1_1,densenet121,efficientnet_b0"
BACKENDS = "openvino,onnxruntime"
ARGS = ("--formfunc-servers=3", "--formfunc-budget=3s", "--formfunc-precision=20%")


def records_of(folder):
    """Measure and observe all forms, or what is not yet in the journals; return the accelerated records."""
    backends = os.environ.get("FORMFUNC_BACKENDS", BACKENDS)
    networks = ",".join(choice("FORMFUNC_NETWORK", SIX))
    for name, file, args in (
        ("patterns", SUITE, (f"--formfunc-patterns={','.join(PATTERNS)}", "--formfunc-depths=8", "--formfunc-widths=64",
                             "--formfunc-input=1x3x112x112")),
        ("networks", NETWORKS, (f"--formfunc-architectures={networks}",)),
    ):  # fmt: skip
        journal = folder / f"layers-{name}.jsonl"
        observe_suite(file, journal, *args, *ARGS, backends=backends)
        for row in read_journal(journal).rows.values():
            if not row.record.native:
                yield row.record


def lost_layers(found, side):
    """Return the layers that one side has alone, the longest first, with the share of that side's time."""
    field = "seconds" if side == "accelerated" else "native_seconds"
    layers = [one for one in found["layers"] if field in one]
    whole = math.fsum(one[field]["value"] for one in layers)
    lost = [one for one in layers if not (one["operators"] and one.get("steps"))]
    for one in sorted(lost, key=lambda one: -one[field]["value"]):
        yield f"{', '.join(dict.fromkeys(one.get('kernels', [])))} {one['layer']} {one[field]['value'] / whole:.1%}"


def test_layers_are_matched(folder, capsys):
    """At least 95% of either side's time, or what is not is an engine's own step, which the network does not have."""
    overheads, looked = {}, 0
    with capsys.disabled():
        print()
        for record in records_of(folder):
            found = record.observations.get("layers", {"unavailable": "it was not observed"})
            if "unavailable" in found:
                print(f"{record.title}: {found['unavailable']}")
                continue
            looked += 1
            call = found["call_s"]["value"]
            shares = {side: found[f"matched_{side}"] for side in ("native", "accelerated")}
            overheads.setdefault(record.backend, []).append(found["profiled_over_plain"]["value"])
            print(
                f"{record.title}: matched {format_percent(round(shares['native'], 4))} of native, "
                f"{format_percent(round(shares['accelerated'], 4))} of {record.backend}; in no layer "
                f"{found['unattributed_s']['value'] / call:.0%} of a call; {len(found['layers'])} layers"
            )
            for side, share in shares.items():
                for said in [*lost_layers(found, side)][:3] if share < ENOUGH else []:
                    print(f"    only {side}: {said}")
            # What native computes and nothing is found for would be a fault; an engine may put in steps of its own.
            assert shares["native"] >= ENOUGH, record.title
            alone = [one for one in found["layers"] if one.get("seconds") and not one["operators"]]
            assert not [one for one in alone if any("Conv" in kernel for kernel in one["kernels"])], record.title
        for backend, values in overheads.items():
            print(f"{backend}: a call with a profile takes {fmean(values):.2f} times as long as one without (mean)")
    assert looked, "nothing could be looked at"
