"""What the documents say of names is so."""

import dataclasses
import re
from pathlib import Path

from made_records import record

from pytest_formfunc.option_specs import OPTIONS
from pytest_formfunc.records import Counterpart, Verdict
from pytest_formfunc.stats import Estimate

ROOT = Path(__file__).parent.parent


def test_every_name_that_is_written_is_documented():
    """docs/record.md and the record agree, both ways."""
    text = (ROOT / "docs" / "record.md").read_text()
    documented = set()
    for line in text.splitlines():
        if line.startswith("| `"):
            documented |= set(re.findall(r"`(\w+)`", line.split("|")[1]))
    estimate = Estimate(1.0, 0.9, 1.1)
    full = dataclasses.replace(
        record(0.0025),
        verdict=Verdict("unchanged", 0.1, estimate, "reason"),
        facts={"accuracy": {}},
        against=Counterpart("main", "0" * 40, estimate, ((1.0,),), ((1.0,),), ((1.0,),)),
    )
    assert set(full.to_json()) - {"parity"} == documented - {"parity"}


def test_options_that_documents_name_exist():
    """No document speaks of an option that is not there."""
    known = {f"--formfunc-{spec.name}" for spec in OPTIONS} | {"--formfunc-list"}
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"--formfunc-[a-z]+(?:-[a-z]+)*", path.read_text()))
        assert named <= known, path
