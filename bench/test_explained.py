"""What explains a speedup: operators per GMAC, cache efficacy and intensity, over patterns and networks.

Takes the points that bench/test_scaling.py has left in the folder FORMFUNC_FOLDER (it measures them first where there
are none), and measures and observes the networks beside them: ten minutes. The hypothesis of PAPERS is that speedup
grows with operators per GMAC; the others are held fixed to see whether it does by itself.
"""

from __future__ import annotations

from suite import SUITE
from test_scaling import EXTENT, PATTERNS, measure, observe_suite, plan

from pytest_formfunc.function.explaining import EFFICACY, INTENSITY, OPERATORS, Form, explain_speedups, say_explanation
from pytest_formfunc.function.scaling import SPEEDUP
from pytest_formfunc.journal.reading import read_journal
from pytest_formfunc.report.scaling import figures_of, intensity_of, seen

NETWORKS = SUITE.parent / "test_architectures.py"
FEWEST_NETWORKS = 20


def networks(folder):
    """Measure and observe all networks, or what is not yet in the journal; return the records."""
    journal = folder / "networks.jsonl"
    observe_suite(NETWORKS, journal, *EXTENT.args)
    return [row.record for row in read_journal(journal).rows.values()]


def forms_of(records):
    """Return the forms of records; contended ones by their fastest rounds, as the study takes them."""
    natives = {record.case: record for record in records if record.native}
    found = []
    for record in records:
        native = natives.get(record.case)
        figures = figures_of(record, disturbed=True)
        if record.native or native is None or figures is None or not record.cost["macs"]:
            continue
        causes = {
            OPERATORS: record.cost.get("operators", 0) / (record.cost["macs"] / 1e9),
            EFFICACY: seen(native, "reuse", "efficacy"),
            INTENSITY: intensity_of(record.cost["macs"], native),
        }
        causes = {cause: value for cause, value in causes.items() if value is not None and (value or cause == EFFICACY)}
        found.append(Form(record.form["name"], figures[SPEEDUP], causes))
    return found


def test_what_explains_the_speedup(folder, capsys):
    """Operators per GMAC explain a part of it by themselves, or do not: what is said follows from the intervals."""
    points, _ = plan(EXTENT, PATTERNS)
    patterns = forms_of(measure(points, EXTENT, folder))
    others = forms_of(networks(folder))
    with capsys.disabled():
        print()
        for title, forms in (
            ("patterns", patterns),
            ("networks", others),
            ("patterns and networks", patterns + others),
        ):
            print(f"{title}: {len(forms)} forms")
            for line in say_explanation(explain_speedups(forms)):
                print(f"  {line}")
    assert len(others) >= FEWEST_NETWORKS, "too many networks could not be measured"
    assert explain_speedups(patterns + others).fit is not None
