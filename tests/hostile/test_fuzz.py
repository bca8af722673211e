"""Every reader of ours, fed with files that were changed: an answer, or one sentence and the exit code of wrong usage.

FORMFUNC_FUZZ says how many inputs each reader is given (default 40). `make fuzz` gives each 20,000.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command import command
from support.hostile import changed, damaged, fuzz
from support.records import record

from pytest_formfunc.errors import BadInput
from pytest_formfunc.fitness import why_unfit
from pytest_formfunc.forms.ir_file import read_ir
from pytest_formfunc.forms.transformers_folder import config_inputs, read_config
from pytest_formfunc.journal.lines import COMPLETE, Header, Row
from pytest_formfunc.measure.integrity import is_whole, read_facts
from pytest_formfunc.measure.pace_history import PaceHistory
from pytest_formfunc.plugin.sharding import read_durations
from pytest_formfunc.policy import describe_policies
from pytest_formfunc.records.parts import Verdict
from pytest_formfunc.text import log_line

CHANGED = Verdict("unchanged", 0.1, None, "it is unchanged")
NATIVE = record(0.010, backend="native", native=True)
ROWS = {
    one.key: Row(one, "i", "t.py::test", one.case, 1.0, 2.0, ("loss",))
    for one in (NATIVE, record(0.001, verdict=CHANGED), record(0.002, backend="onnxruntime"))
}
HEADER = Header(
    "run",
    "2026",
    "p",
    "here",
    title="v1",
    planned=tuple(ROWS),
    tests=("a", "b", "c"),
    missing=("d on openvino",),
    rules=({"threshold": 0.1, "fail_on": ["loss"], "min_speedup": None, "max_latency_s": 0.01},) * 3,
    settings={"gate": "time"},
)
SAVED = {
    "machine_info": {"node": "a"}, "commit_info": {}, "datetime": "2026", "version": "5",
    "formfunc": {"complete": True, "rows": 2, "contended": 0, "policies": describe_policies(HEADER),
                 "settings": {"gate": "time"}},
    "benchmarks": [
        {"name": f"test[{row.record.title}]", "fullname": f"t.py::test[{row.record.title}]", "group": row.record.case,
         "stats": {"mean": 1.0}, "extra_info": {"formfunc": row.record.to_json()}}
        for row in ROWS.values()
    ],
}  # fmt: skip
LINES = [
    HEADER.to_json(),
    *({**row.to_json(), "at": 1.0} for row in ROWS.values()),
    {"judged": {"test": "a", "case": "residual-d8-w64", "backend": "openvino", "reason": ""}, "at": 1.0},
    {"failure": {"case": "d", "backend": "openvino", "reason": "it broke"}, "at": 2.0},
    {"ended": COMPLETE, "spent": {"starting_s": 1.0}},
]
SECOND = {**HEADER.to_json(), "shard": {"index": 2, "of": 2, "plan": "x"}, "part_of_all": [list(key) for key in ROWS]}
FIRST = {**SECOND, "shard": {"index": 1, "of": 2, "plan": "x"}}
IR = b"""<?xml version="1.0"?><net name="m" version="11"><layers><layer id="0" name="x" type="Parameter" version="opset1">
<data shape="1,3,8,8" element_type="f32"/><output><port id="0" precision="FP32" names="x"><dim>1</dim></port></output>
</layer></layers><edges/></net>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with files that are as they should be."""
    path = tmp_path_factory.mktemp("hostile")
    (path / "good.json").write_text(json.dumps(SAVED))
    (path / "good.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in LINES))
    (path / "first.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in [FIRST, *LINES[1:]]))
    for one in ("good.json", "good.jsonl"):
        assert command("show", path / one).code == 0
    assert command("verify", path / "good.jsonl").code == 0
    assert command("verify", path / "good.jsonl", "--strict").code == 1  # by what is missing
    return path


ANSWERS = {0, 1, 4}  # fine; red, with sentences that say why; refused, with one sentence


def answers(*args):
    """Return the command's exit code, and check that it says something, in lines that are harmless."""
    outcome = command(*args)
    assert "Traceback" not in outcome.text
    assert outcome.text.strip()
    assert all(log_line(line) == line for line in outcome.text.splitlines())
    return outcome.code


def on_a_saved_run(folder, path):
    """Return the exit codes of all commands that read it."""
    why_unfit(path)
    return {answers(*args) for args in [
        ("show", path), ("compare", folder / "good.json", path), ("compare", path, folder / "good.json", "--strict"),
        ("history", folder / "good.json", path),
        *(("report", path, folder / f"out{suffix}") for suffix in (".md", ".html", ".csv", ".json")),
    ]}  # fmt: skip


@fuzz
@given(text=changed(SAVED))
def test_a_saved_run(folder, text):
    path = folder / "bad.json"
    path.write_text(text)
    assert on_a_saved_run(folder, path) <= ANSWERS


@fuzz
@given(content=damaged(json.dumps(SAVED).encode()))
def test_the_bytes_of_a_saved_run(folder, content):
    path = folder / "bad.json"
    path.write_bytes(content)
    assert on_a_saved_run(folder, path) <= ANSWERS


def on_a_journal(folder, path):
    """Return the exit codes of all commands that read it."""
    return {answers(*args) for args in [
        ("show", path), ("verify", path), ("verify", path, "--strict"), ("durations", path, "--output", folder / "d.json"),
        ("fleet", path), ("merge", path), ("merge", folder / "first.jsonl", path, "--strict"), ("runs", folder),
        ("compare", folder / "good.jsonl", path), ("report", path, folder / "out.md"),
    ]}  # fmt: skip


@fuzz
@given(data=st.data())
def test_a_journal(folder, data):
    """One of its lines is changed."""
    which = data.draw(st.integers(0, len(LINES) - 1))
    header = data.draw(st.sampled_from([HEADER.to_json(), SECOND]))
    lines = [header, *LINES[1:]]
    texts = [json.dumps(line) for line in lines]
    texts[which] = data.draw(changed(lines[which]))
    path = folder / "bad.jsonl"
    path.write_text("".join(f"{text}\n" for text in texts))
    assert on_a_journal(folder, path) <= ANSWERS


@fuzz
@given(content=damaged("".join(f"{json.dumps(line)}\n" for line in LINES).encode()))
def test_the_bytes_of_a_journal(folder, content):
    path = folder / "bad.jsonl"
    path.write_bytes(content)
    assert on_a_journal(folder, path) <= ANSWERS


def answer_of(read, *args):
    """Return what a reader found, or how it refused the file."""
    try:
        return read(*args)
    except BadInput as error:
        return error


@fuzz
@given(text=st.one_of(changed({"a": 1.0, "b": 2}), damaged(b'{"a": 1.0}').map(lambda one: one.decode("latin-1"))))
def test_small_files_of_ours(folder, text):
    """Durations are refused; what is only kept to be faster or surer is taken for nothing."""
    path = folder / "small.json"
    path.write_text(text)
    assert isinstance(answer_of(read_durations, path), dict | BadInput)
    history = PaceHistory(folder, "a")
    history.file.write_text(text)
    assert history.best() > 0
    history.add(1.0)
    assert history.best() <= 1.0
    read_facts(path)
    (folder / "name.sha256").write_text(text)
    assert not is_whole(folder, "name")


@fuzz
@given(content=damaged(IR))
def test_an_ir(folder, content):
    path = folder / "m.xml"
    path.with_suffix(".bin").write_bytes(b"")
    path.write_bytes(content)
    assert isinstance(answer_of(read_ir, path), list | BadInput)


CONFIG = {
    "model_type": "vit",
    "image_size": [8, 8],
    "num_channels": 3,
    "vision_config": {"a": 1},
    "architectures": ["A"],
}


@fuzz
@given(text=changed(CONFIG))
def test_a_config_of_transformers(folder, text):
    (folder / "config.json").write_text(text)
    assert isinstance(answer_of(lambda: config_inputs(read_config(Path(folder)))), list | BadInput)
