"""Faults of disks and files: what is on them is whole, or made again; what was measured is not lost."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.project import Project, make_bench

from pytest_formfunc.plugin.saving import _Whole

pytestmark = pytest.mark.engine
ONE = ("--formfunc-patterns=plain", "--formfunc-depths=1", "--formfunc-widths=8")


@pytest.fixture
def own(tmp_path):
    """A project with a cache of its own."""
    return make_bench(Project(tmp_path, tmp_path / "cache"))


def words(outcome):
    return " ".join(outcome.text.split())


def case_folder(project):
    (folder,) = project.cache.glob("plain-*")
    return folder


def change(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


# What happens to each file of a case; weights of which one bit is another would only show in the outputs.
DAMAGES = {
    "weights.pt": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "model.bin": change,
    "model.xml": Path.unlink,
    "case.json": lambda path: path.write_bytes(b""),
}


def test_an_artifact_that_is_not_as_it_was_written_is_made_again_and_said(own):
    once = (*ONE, "--benchmark-disable")
    assert own.measure(*once).code == 0
    folder = case_folder(own)
    for name, damage in DAMAGES.items():
        damage(folder / name)
    outcome = own.measure(*once)
    assert outcome.code == 0, outcome.text
    assert "weights.pt was not as it had been written" in words(outcome)
    assert "2 converted" in outcome.text
    change(folder / "model.bin")
    assert "model.xml was not as it had been written" in words(own.measure(*once))
    again = own.measure(*once)
    assert "(0 converted, 2 from the cache)" in words(again), again.text


FULL = """
import resource, sys
import pytest
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.exit(pytest.main(sys.argv[2:]))
"""


def on_a_full_disk(project, size, *args):
    """Run where no file may grow beyond a size, which is how a full disk looks to a program."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(size), "-p", "no:cacheprovider", f"--formfunc-cache-dir={project.cache}",
         "--formfunc-threads=1", "--formfunc-input=1x3x32x32", "--formfunc-servers=3", *ONE, *args],
        cwd=project.folder, capture_output=True, text=True, check=False,
        env={**{key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}, "COLUMNS": "100"},
    )  # fmt: skip
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_a_full_disk_is_named_where_artifacts_are_made(own):
    code, text = on_a_full_disk(own, 300, "--benchmark-disable")
    assert code == 1, text
    assert "its artifacts cannot be written to" in text
    assert "the disk is full; --formfunc-cache-dir names another folder" in text
    assert [*own.cache.glob(".making-*")] == []


def test_what_cannot_be_saved_is_red_and_leaves_no_half(own):
    """Neither pytest-benchmark's files nor the report; the earlier run stays the newest baseline."""
    assert own.measure(*ONE, "--benchmark-disable").code == 0  # the artifacts
    code, text = on_a_full_disk(
        own, 18_000, "--formfunc-budget=300ms", "--benchmark-autosave", "--benchmark-json=out.json", "--junitxml=junit.xml",
        "--formfunc-report=out.md",
    )  # fmt: skip
    assert code == 1, text
    assert "the run is not saved in" in text
    assert "File too large" in text
    assert "Traceback" not in text
    assert [path for path in own.folder.rglob("*.json") if ".benchmarks" in path.parts or path.name == "out.json"] == []
    assert "formfunc-not-saved" in (own.folder / "junit.xml").read_text()
    assert "2 passed" in text


def test_two_sessions_share_cache_and_storage(own):
    """They save under numbers of their own, and neither breaks what the other makes."""
    options = (
        "--benchmark-autosave",
        *ONE,
        "--formfunc-threads=1",
        "--formfunc-input=1x3x32x32",
        "--formfunc-budget=300ms",
    )
    both = [own.start(*options) for _ in range(2)]
    texts = [one.communicate(timeout=120)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], texts
    saved = own.saved()
    assert [path.name[:4] for path in saved] == ["0001", "0002"]
    assert [len(json.loads(path.read_text())["benchmarks"]) for path in saved] == [2, 2]
    assert [*own.cache.glob(".making-*")] == []


# Root may write to any folder by CAP_DAC_OVERRIDE and its like (capabilities(7)); without them, a folder's mode counts.
WITHOUT_RIGHTS = """
import ctypes, os, sys
for capability in (1, 2, 3):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[1:]])
"""


@pytest.mark.parametrize("filled", [True, False])
def test_a_cache_that_nobody_may_write_to_works(own, filled):
    """What is there is used; what is not is made in a folder of the run, which is said."""
    own.cache.mkdir()
    if filled:
        assert own.measure(*ONE, "--benchmark-disable").code == 0
    for folder in (*own.cache.rglob("*"), own.cache):
        if folder.is_dir():
            folder.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RIGHTS, "-p", "no:cacheprovider", f"--formfunc-cache-dir={own.cache}",
         "--formfunc-threads=1", "--formfunc-input=1x3x32x32", *ONE, "--benchmark-disable"],
        cwd=own.folder, capture_output=True, text=True, check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
    )  # fmt: skip
    for folder in (own.cache, *own.cache.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o755)
    text = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("artifacts are not kept for later runs, because" in text) == (not filled)
    assert ("2 from the cache" in text) == filled
    assert "no journal is written" in text
    assert "Permission denied" in text


def test_a_file_of_results_may_be_a_link_or_no_file_at_all(tmp_path):
    """What a link points to is written; a pipe or a device is left to pytest-benchmark, and stays what it is."""
    target, usual = tmp_path / "target.json", []
    (tmp_path / "link.json").symlink_to(target)
    os.mkfifo(tmp_path / "pipe")
    whole = _Whole(SimpleNamespace(), SimpleNamespace())
    for name in ("link.json", "pipe"):
        benchmark = SimpleNamespace(json=str(tmp_path / name), logger=SimpleNamespace(info=lambda *_, **__: None))
        whole.to_json(benchmark, {"a": 1}, usual.append)
    assert json.loads(target.read_text()) == {"a": 1}
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "pipe").is_fifo()
    assert usual == [{"a": 1}]
