"""FLOPs, cache efficacy and latency over depth and width: every pattern, native and OpenVINO; up to an hour.

FORMFUNC_STUDY=full takes depths 2 to 64 and widths 16 to 512 by doubling at 1x3x224x224 instead of three of each at
1x3x112x112: days on two cores. FORMFUNC_PATTERNS takes some patterns only. Everything measured is in journals in the
folder FORMFUNC_FOLDER (default: one that is new); a run with the same folder measures only what is not there.
Points that were disturbed are measured once more (FORMFUNC_ATTEMPTS says how often in all), and take part as they are
if they stay so.

Prints the points, what was left out and why, how the quantities go together, and the sentences that follow.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass

import pytest
from choices import choice
from suite import SUITE

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.network import CLASSES, count_network_macs, count_network_params
from pytest_formfunc.forms.patterns import check_width
from pytest_formfunc.function.scaling import ALL, FLOPS, NATIVE, conclude, study
from pytest_formfunc.host import memory_limit
from pytest_formfunc.journal.reading import read_journal
from pytest_formfunc.report.scaling import points_of, render_study
from pytest_formfunc.units import format_bytes, format_shape

MOST_CALL_S = 0.5  # of native, as predicted
COPIES = 12  # of the weights: in the workers of both sides, memory kept and by default, and while converting
BACKEND = "openvino"


@dataclass(frozen=True)
class Extent:
    """What a study measures.

    Attributes:
        depths, widths: of every pattern.
        shape: of the input.
        args: how it is measured.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    shape: tuple[int, ...]
    args: tuple[str, ...]


EXTENTS = {
    "default": Extent((2, 8, 32), (16, 64, 256), (1, 3, 112, 112), (
        "--formfunc-servers=3", "--formfunc-budget=5s", "--formfunc-precision=10%",
    )),
    "full": Extent(
        tuple(2**power for power in range(1, 7)), tuple(2**power for power in range(4, 10)), (1, 3, 224, 224), ()
    ),
}  # fmt: skip
ATTEMPTS = int(choice("FORMFUNC_ATTEMPTS", "2")[0])  # for points that claim nothing, because the machine was disturbed
EXTENT = EXTENTS[choice("FORMFUNC_STUDY", "default")[0]]
PATTERNS = choice("FORMFUNC_PATTERNS")


def plan(extent, patterns):
    """Return the points to measure, and a sentence for each that is left out."""
    points, left_out = [], []
    limit = memory_limit()
    for pattern in patterns:
        for width in extent.widths:
            try:
                check_width(pattern, width)
            except BadInput as error:
                left_out.append(f"{pattern} at width {width}: {error}")
                continue
            shallow = min(extent.depths)
            call_s = native_call_s(pattern, shallow, width, extent.shape)
            fewest = count_network_macs(pattern, shallow, width, extent.shape, CLASSES)
            for depth in extent.depths:
                name = f"{pattern}-d{depth}-w{width}"
                predicted = call_s * count_network_macs(pattern, depth, width, extent.shape, CLASSES) / fewest
                weights = 4 * count_network_params(pattern, depth, width, extent.shape[1], CLASSES)
                if predicted > MOST_CALL_S:
                    left_out.append(f"{name}: its native call would take {predicted:.2g} s, by its shallowest form")
                elif limit is not None and COPIES * weights > limit.bytes:
                    left_out.append(f"{name}: {COPIES} copies of {format_bytes(weights)} do not fit into memory")
                else:
                    points.append((pattern, depth, width))
    return points, left_out


def native_call_s(pattern, depth, width, shape):
    """Return the seconds of a native call, the faster of two."""
    import torch

    network = pattern_case(pattern, depth, width, shape).source.build()
    taken = []
    with torch.inference_mode():
        for _ in range(3):
            began = time.perf_counter()
            network.module(*network.inputs.args)
            taken.append(time.perf_counter() - began)
    return min(taken[1:])


def measure(points, extent, folder):
    """Return the records of points. Those that claim nothing, because the machine was disturbed, are measured again."""
    records = {}
    for attempt in range(ATTEMPTS):
        left = [point for point in points if not claims(records.get(point))]
        by_widths = defaultdict(list)
        for pattern in dict.fromkeys(pattern for pattern, _, _ in left):
            by_widths[tuple(sorted({width for name, _, width in left if name == pattern}))].append(pattern)
        for widths, patterns in by_widths.items():
            journal = folder / f"{attempt + 1}-{'-'.join(patterns)[:60]}-widths-{'-'.join(map(str, widths))}.jsonl"
            run(journal, [point for point in left if point[0] in patterns], extent)
            for row in read_journal(journal).rows.values():
                form = row.record.form
                records.setdefault((form["name"], form["depth"], form["width"]), {})[row.record.backend] = row.record
    return [record for of_point in records.values() for record in of_point.values()]


def claims(of_point):
    return of_point is not None and BACKEND in of_point and not of_point[BACKEND].noise.contended


def run(journal, points, extent):
    """Measure points in one run of the suite, or what is not yet in its journal."""
    patterns, depths, widths = (sorted({point[at] for point in points}, key=str) for at in range(3))
    matrix = {(pattern, depth, width) for pattern in patterns for depth in depths for width in widths}
    unwanted = [
        f"--deselect={node_id(*point, extent.shape, backend)}"
        for point in sorted(matrix - {*points})
        for backend in ("native", BACKEND)
    ]
    observe_suite(
        SUITE, journal, f"--formfunc-patterns={','.join(patterns)}", f"--formfunc-widths={','.join(map(str, widths))}",
        f"--formfunc-depths={','.join(map(str, depths))}", f"--formfunc-input={format_shape(extent.shape)}",
        *extent.args, *unwanted,
    )  # fmt: skip


def observe_suite(file, journal, *args, backends=BACKEND):
    """Run a file of tests with instruments, or what is not yet in its journal; what it prints is kept beside that."""
    printed = journal.with_suffix(".txt")
    with printed.open("a") as report:
        done = subprocess.run(
            [
                sys.executable, "-m", "pytest", str(file), "-q", f"--rootdir={SUITE.parent.parent}",
                f"--formfunc-backends={backends}", "--formfunc-why", f"--formfunc-journal={journal}",
                *(["--formfunc-resume"] if journal.exists() else []), *args,
            ],
            check=False, stdout=report, stderr=subprocess.STDOUT, env={**os.environ, "CI": ""}, cwd=SUITE.parent.parent,
        )  # fmt: skip
    # A case that cannot be measured fails its test, and the others go on.
    assert done.returncode in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), printed.read_text()[-2000:]


def node_id(pattern, depth, width, shape, backend):
    case = pattern_case(pattern, depth, width, shape).id
    return f"{SUITE.relative_to(SUITE.parent.parent)}::test_form[{case}-{backend}]"


def test_scaling(folder, capsys):
    """Latency grows with FLOPs on both sides, over all patterns; the rest is printed, and claimed by its intervals."""
    points, left_out = plan(EXTENT, PATTERNS)
    with capsys.disabled():
        print(f"\n{len(points)} points, {len(left_out)} left out; journals in {folder}", flush=True)
        began = time.monotonic()
        records = measure(points, EXTENT, folder)
        print(f"measured and observed in {(time.monotonic() - began) / 60:.0f} minutes")
        for line in render_study(records, BACKEND):
            print(line)
        for line in left_out:
            print(f"left out: {line}")
    measured = points_of(records, BACKEND, disturbed=True)
    assert len(measured) >= 0.95 * len(points), "too many rows could not be measured"
    found = study(measured)
    if len(PATTERNS) > 1:
        assert found.association(FLOPS, NATIVE, scope=ALL).rank.low > 0
        assert conclude(found)
