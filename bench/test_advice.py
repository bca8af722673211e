"""What of advice gains: ten networks, everything tried; how many lints fired, how many gained, the greatest.

Each network is measured on native and OpenVINO, and everything that --formfunc-advise knows is built and timed beside
it, two minutes of each. FORMFUNC_NETWORK takes other networks.
"""

from __future__ import annotations

from choices import choice
from suite import SUITE, run_suite

NETWORKS = SUITE.parent / "test_architectures.py"
TEN = choice(
    "FORMFUNC_NETWORK",
    "resnet50,mobilenet_v2,mobilenet_v3_large,shufflenet_v2,squeezenet1_1,googlenet,ghostnet,repvgg_a0,"
    "efficientnet_b0,mnasnet_a1",
)
KINDS = ("gained", "not_gained", "contended")


def test_what_gains(tmp_path, capsys):
    """Every network has an answer; what gained is surely faster, all trials of the network together."""
    run = run_suite(
        tmp_path / "out.json", f"--formfunc-architectures={','.join(TEN)}", "--formfunc-backends=openvino",
        "--formfunc-advise=batch-norm,channels,attention,groups,activation,threads,native-nhwc,native-retain,onnxruntime",
        "--formfunc-budget=3s", file=NETWORKS,
    )  # fmt: skip
    counts, greatest = dict.fromkeys(KINDS, 0), (0.0, "")
    with capsys.disabled():
        print()
        for record in run.records:
            found = record.observations["advice"]
            for kind in KINDS:
                counts[kind] += len(found[kind])
            for one in found["gained"]:
                gain = one["gain"]
                text = f"{record.title}: {gain['value']:.2f}x ({gain['low']:.2f} to {gain['high']:.2f}) {one['advice']}"
                print(text)
                greatest = max(greatest, (gain["value"], text))
                assert gain["low"] > 1
            for name, reason in found["not_built"].items():
                print(f"{record.title}: {name} was not tried: {reason}")
        fired = sum(counts.values())
        print(
            f"{fired} changes were built and timed: {counts['gained']} gained, {counts['not_gained']} did not, "
            f"{counts['contended']} were timed beside other work; the greatest: {greatest[1]}"
        )
    assert {record.case for record in run.records}, run.text
    assert fired > 0
