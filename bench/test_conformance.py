"""Which engines run which patterns: every engine on every pattern, at the smallest size, compared with native.

Prints a line for each engine and their total. Run it by `pytest bench/test_conformance.py`; Inductor takes most of its
minutes. FORMFUNC_BACKENDS chooses engines, such as those of a card.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from choices import choice
from support.conformance import NAMES, Preparer, run_once, smallest_case, unavailable

from pytest_formfunc.forms.patterns import pattern_names
from pytest_formfunc.host import allowed_cores
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.workers import WorkerServer

CHOSEN = choice("FORMFUNC_BACKENDS", ",".join(NAMES))


def test_engines_run_patterns(tmp_path, capsys):
    """Every available engine passes or declares what it cannot do; a converter that raises fails the test."""
    server = WorkerServer(timeout_s=600, threads=allowed_cores())
    outcomes, bad = {name: Counter() for name in CHOSEN}, []
    try:
        reasons = unavailable(server, CHOSEN)
        names = tuple(name for name in CHOSEN if name not in reasons)
        preparer = Preparer(server, tmp_path / "cache")
        worst = dict.fromkeys(names, float("inf"))
        for pattern in pattern_names():
            case = smallest_case(pattern)
            prepared = preparer.prepare(case, names)
            result = run_once(server, case, prepared, tmp_path)
            for name in names:
                refused = prepared.refused.get(name)
                if refused is not None and not refused.startswith("its converter fails"):
                    outcomes[name]["unsupported"] += 1
                    outcomes[name][f"{pattern}: {refused}"] = 0
                elif refused is not None or Participant(name) in result.failures:
                    bad.append(f"{name} on {pattern}: {refused or result.failures[Participant(name)]}")
                else:
                    outcomes[name]["passes"] += 1
                    worst[name] = min(worst[name], result.series[Participant(name)].parity.sqnr_db)
            with capsys.disabled():  # a run that is ended early has said something
                print(
                    f"conformance: {pattern}: {sum(one['passes'] for one in outcomes.values())} passes so far",
                    flush=True,
                )
    finally:
        server.close()
    with capsys.disabled():
        print()
        for name in CHOSEN:
            if name in reasons:
                print(f"conformance: {name}: unavailable: {reasons[name]}")
                continue
            counts = outcomes[name]
            print(
                f"conformance: {name}: {counts['passes']} of {len(pattern_names())} patterns pass (smallest SQNR "
                f"{worst[name]:.0f} dB), {counts['unsupported']} declared unsupported"
            )
            for reason in (key for key in counts if ":" in key):
                print(f"conformance:   {reason}")
        passes, unsupported = (sum(counts[what] for counts in outcomes.values()) for what in ("passes", "unsupported"))
        print(
            f"conformance: of {len(CHOSEN)} engines x {len(pattern_names())} patterns "
            f"{passes} pass, {unsupported} are declared unsupported, "
            f"{len(reasons) * len(pattern_names())} are of unavailable engines"
        )
        for line in bad:
            print(f"conformance: FAILS {line}")
    assert not bad
