"""What this tool says of networks that once had a wrong figure or a wrong sentence (tests/support/field_networks.py).

Prints a line for each. FORMFUNC_PYTHON names the Python of another environment, whose formfunc is asked instead of this
one's: so the same networks can be given to older code. It takes about two minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.field_networks import NETS

PYTHON = os.environ.get("FORMFUNC_PYTHON", sys.executable)
OTHER = "FORMFUNC_PYTHON" in os.environ
MORE_ENGINES = {"two_scales": "openvino-int8"}


def run(folder: Path, backend: str, *args: str):
    """Return the records by test, and the sentence of each test that failed."""
    printed = folder / f"{backend}.txt"  # not a pipe, which processes that older code leaves behind would hold open
    with printed.open("w") as output:
        subprocess.run(
            [
                PYTHON, "-m", "pytest", "test_nets.py", "-q", f"--formfunc-backends={backend}", "--formfunc-budget=2s",
                f"--benchmark-json={backend}.json", f"--junitxml={backend}.xml", "-p", "no:cacheprovider", *args,
            ],
            stdout=output, stderr=output, check=False, cwd=folder, env={**os.environ, "CI": ""},
        )  # fmt: skip
    assert (folder / f"{backend}.xml").is_file(), printed.read_text()
    saved = folder / f"{backend}.json"
    benchmarks = json.loads(saved.read_text())["benchmarks"] if saved.is_file() and saved.stat().st_size else []
    records = [one["extra_info"]["formfunc"] for one in benchmarks if "formfunc" in one.get("extra_info", {})]
    measured = {one["case"].rpartition("::")[2]: one for one in records if one["backend"] == backend}
    said = {}
    for one in ElementTree.parse(folder / f"{backend}.xml").iter("testcase"):
        name = one.get("name").replace(f"[{backend}]", "").replace(f"{backend}-", "").replace(f"-{backend}", "")
        failures = [failure.get("message", "") for failure in (*one.findall("failure"), *one.findall("error"))]
        said[name] = " ".join(" ".join(failures).split())
    return measured, said


def test_field_networks(tmp_path, capsys):
    """Each is measured, or has one sentence."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_nets.py").write_text(NETS)
    measured, said = run(tmp_path, "openvino")
    if OTHER and "internal" in said:  # what older code makes of a method of a unittest.TestCase
        (tmp_path / "test_nets.py").write_text(NETS.partition("class TestMethods")[0])
        measured, said = run(tmp_path, "openvino")
        said["TestMethods::test_method"] = "it ends the whole session by an internal error"
    lines = {name: _outcome(measured.get(name), text) for name, text in said.items()}
    for name, engine in MORE_ENGINES.items():
        found, texts = run(tmp_path, engine, "-k", name)
        for case, text in texts.items():
            lines[f"{case} on {engine}"] = _outcome(found.get(case), text)
    with capsys.disabled():
        print()
        for name, line in lines.items():
            print(f"field: {name.replace('test_net', '').strip('[]')} | {line}")
    assert OTHER or "Traceback" not in " ".join(lines.values())


def _outcome(record, text: str) -> str:
    if text:
        return f"red: {text[:400]}"
    if record is None:
        return "passes, measured nothing"
    speedup = record.get("speedup_memory_kept") or record.get("speedup")
    figure = f"{speedup['value']:.2f}x" if speedup else "no speedup claimed"
    parity = record.get("parity") or {}
    return f"measured, {figure}, parity {parity.get('sqnr_db')} dB"
