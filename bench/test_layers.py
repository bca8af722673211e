"""How much of the time of native and of engines is matched to a layer: every pattern, six networks; half an hour.

Native's exported program is run operator by operator, engines report their own steps. A step or an operator that is
matched to nothing of the other side is listed with its share. Prints what profiling costs as well. It looks whether or
not the machine is disturbed: which layers match rests on no time, and their shares hardly do.
FORMFUNC_PATTERNS and FORMFUNC_NETWORK take some forms only, FORMFUNC_BACKENDS other engines.
"""

from __future__ import annotations

import math
from statistics import fmean

import pytest
from choices import choice
from laboratory import Laboratory

from pytest_formfunc.cases import architecture_case, pattern_case
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.launch import PreparedSide
from pytest_formfunc.measure.observer import observe_case
from pytest_formfunc.units import format_percent

ENOUGH = 0.95  # of each side's time
PATTERNS = choice("FORMFUNC_PATTERNS")
SIX = choice("FORMFUNC_NETWORK", "resnet50,mobilenet_v2,darts,squeezenet1_1,densenet121,efficientnet_b0")
ENGINES = choice("FORMFUNC_BACKENDS", "openvino,onnxruntime")
DEPTH, WIDTH, SHAPE = 8, 64, (1, 3, 112, 112)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    one = Laboratory(tmp_path_factory.mktemp("layers"), servers=3)
    one.start()
    yield one
    one.close()


def observed(laboratory):
    """Yield what each engine's layers are found to be, with the form's name."""
    cases = [pattern_case(name, DEPTH, WIDTH, SHAPE, 0) for name in PATTERNS]
    for case in [*cases, *map(architecture_case, SIX)]:
        backends = ("native", *ENGINES)
        folder = laboratory.scratch / case.id
        folder.mkdir()
        try:
            side = PreparedSide(case.source, laboratory.prepare(case, backends))
            found = observe_case(
                side, None, backends, laboratory.server, folder, case.seed, lambda text: None, ["layers"]
            )
        except MeasurementError as error:
            found = {name: {"layers": {"unavailable": str(error)}} for name in backends}
        for name in ENGINES:
            yield case.id, name, found[name]["layers"]


def lost_layers(found, side):
    """Return the layers that one side has alone, the longest first, with the share of that side's time."""
    field = "seconds" if side == "accelerated" else "native_seconds"
    layers = [one for one in found["layers"] if field in one]
    whole = math.fsum(one[field]["value"] for one in layers)
    lost = [one for one in layers if not (one["operators"] and one.get("steps"))]
    for one in sorted(lost, key=lambda one: -one[field]["value"]):
        yield f"{', '.join(dict.fromkeys(one.get('kernels', [])))} {one['layer']} {one[field]['value'] / whole:.1%}"


def test_layers_are_matched(laboratory, capsys):
    """At least 95% of either side's time, or what is not is an engine's own step, which the network does not have."""
    overheads, looked = {}, 0
    with capsys.disabled():
        print()
        for case, backend, found in observed(laboratory):
            if "unavailable" in found:
                print(f"{case} on {backend}: {found['unavailable']}")
                continue
            looked += 1
            call = found["call_s"]["value"]
            shares = {side: found[f"matched_{side}"] for side in ("native", "accelerated")}
            overheads.setdefault(backend, []).append(found["profiled_over_plain"]["value"])
            print(
                f"{case}: matched {format_percent(round(shares['native'], 4))} of native, "
                f"{format_percent(round(shares['accelerated'], 4))} of {backend}; in no layer "
                f"{found['unattributed_s']['value'] / call:.0%} of a call; {len(found['layers'])} layers"
            )
            for side, share in shares.items():
                for said in [*lost_layers(found, side)][:3] if share < ENOUGH else []:
                    print(f"    only {side}: {said}")
            # What native computes and nothing is found for would be a fault; an engine may put in steps of its own.
            assert shares["native"] >= ENOUGH, case
            alone = [one for one in found["layers"] if one.get("seconds") and not one["operators"]]
            assert not [one for one in alone if any("Conv" in kernel for kernel in one["kernels"])], case
        for backend, values in overheads.items():
            print(f"{backend}: a call with a profile takes {fmean(values):.2f} times as long as one without (mean)")
    assert looked, "nothing could be looked at"
