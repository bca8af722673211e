"""How speedups are made: every pattern, DARTS, MobileNet-V2 and ResNet-50, and another run beside; fifteen minutes.

Prints each factor with its interval. Their product is compared with the speedup that another run found, which had only
native and the engine: the differences over their standard errors should not be beyond 2 more often than chance has it.
FORMFUNC_PATTERNS and FORMFUNC_NETWORK take some forms only.
"""

from __future__ import annotations

import math

from choices import choice
from intervals import difference, log_of
from suite import SUITE, run_suite

from pytest_formfunc.report.why import waterfall_words
from pytest_formfunc.stats.mean import geometric_mean
from pytest_formfunc.units import format_estimate, format_ratio

NETWORKS = SUITE.parent / "test_architectures.py"
THREE = "darts,mobilenet_v2,resnet50"
ENGINE = "openvino"
PATTERNS = choice("FORMFUNC_PATTERNS")
MOST_BEYOND = 0.3  # of the rows: 5% are due, and neighbours on the machine make runs differ more than rounds do


def measured(out, *args):
    """Return both kinds of forms' records by case, of one run each."""
    found = {}
    for name, file, forms in (
        ("patterns", SUITE, (f"--formfunc-patterns={','.join(PATTERNS)}", "--formfunc-depths=8", "--formfunc-widths=64",
                             "--formfunc-input=1x3x112x112")),
        ("networks", NETWORKS, (f"--formfunc-architectures={','.join(choice('FORMFUNC_NETWORK', THREE))}",)),
    ):  # fmt: skip
        run = run_suite(out / f"{name}-{'-'.join(one.strip('-') for one in args)}.json", *forms, *args, file=file)
        found |= {record.case: record for record in run.records if record.backend == ENGINE}
    return found


def test_the_product_is_the_speedup(tmp_path, capsys):
    """Of a run of its own, by its intervals."""
    apart = measured(tmp_path, f"--formfunc-backends={ENGINE}")
    together = measured(tmp_path, f"--formfunc-backends={ENGINE}", "--formfunc-waterfall")
    beyond = compared = 0
    factors = {}
    with capsys.disabled():
        print()
        for case, record in together.items():
            if not record.waterfall or case not in apart:
                print(f"{case}: {'contended' if record.noise.contended else 'not measured'}")
                continue
            print(f"{case}: {waterfall_words(record)}")
            for one in record.waterfall:
                factors.setdefault(one.name, []).append(one.ratio)
            alone = apart[case]
            if alone.ranked_speedup is None or not math.isfinite(alone.ranked_speedup.high):
                print("    the run of its own claims nothing")
                continue
            kept = math.prod(one.ratio.value for one in record.waterfall[1:])
            off = difference(log_of(record.ranked_speedup), log_of(alone.ranked_speedup))
            compared += 1
            beyond += abs(off.value) > 2 * off.standard_error
            print(
                f"    without memory management {format_ratio(kept)}; apart, with memory kept "
                f"{format_estimate(alone.ranked_speedup)}: {off.value / off.standard_error:+.1f} standard errors"
            )
            assert math.isclose(kept, record.ranked_speedup.value, rel_tol=0.05), "the factors are of other launches"
        print(f"{beyond} of {compared} rows are beyond 2 standard errors")
        for name, ratios in factors.items():
            print(f"{name}: {format_estimate(geometric_mean(ratios))} in the mean of {len(ratios)} forms")
    assert compared, "nothing could be compared"
    assert beyond <= max(1, MOST_BEYOND * compared)
