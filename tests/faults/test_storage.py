"""Faults of disks and files: what is on them is whole, or made again; what was measured is not lost."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from support.project import Project, make_bench

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


DAMAGES = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "changed": lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_artifact_that_is_not_as_it_was_written_is_made_again_and_said(own, damage):
    """Each file of a case in turn; weights of which one bit is another would only show in the outputs."""
    once = (*ONE, "--benchmark-disable")
    assert own.measure(*once).code == 0
    folder = case_folder(own)
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".pt", ".xml", ".bin", ".json"))
    assert {"weights.pt", "model.xml", "model.bin", "case.json"} <= {*names}
    for name in names:
        before = (folder / name).read_bytes()
        DAMAGES[damage](folder / name)
    outcome = own.measure(*once)
    assert outcome.code == 0, outcome.text
    assert (
        "made again: 2 artifacts of the cache were not as they had been written" in words(outcome) or damage == "gone"
    )
    assert (folder / name).read_bytes() == before or name != "case.json"
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
        own, 3000, "--formfunc-budget=300ms", "--benchmark-autosave", "--benchmark-json=out.json", "--junitxml=junit.xml",
        "--formfunc-report=out.json.md",
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


def as_somebody(folder):
    """Give a folder to a user who may not write to the cache, as root may everywhere."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)


READ_ONLY = """
import os, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
os.environ.update(HOME=os.getcwd(), TMPDIR=os.getcwd())
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become a user who may not write")
@pytest.mark.parametrize("filled", [True, False])
def test_a_cache_that_nobody_may_write_to_works(own, filled, tmp_path_factory):
    """What is there is used; what is not is made in a folder of the run, which is said."""
    folder = tmp_path_factory.mktemp("somebody")
    cache = folder.parent / f"{folder.name}-cache"
    cache.mkdir()
    if filled:
        assert Project(own.folder, cache).measure(*ONE, "--benchmark-disable").code == 0
    one = make_bench(Project(folder, cache))
    as_somebody(folder)
    for above in (folder, *folder.parents[:3]):
        if str(above).startswith(str(tmp_path_factory.getbasetemp().parent)):
            above.chmod(0o755)
    try:
        python = Path(sys.executable)
        probe = subprocess.run(
            [python, "-c", READ_ONLY, "--version"], cwd=folder, capture_output=True, text=True, check=False
        )
        if probe.returncode:
            pytest.skip("another user cannot run this environment's Python")
        done = subprocess.run(
            [python, "-c", READ_ONLY, "-p", "no:cacheprovider", f"--formfunc-cache-dir={cache}", "--formfunc-threads=1",
             "--formfunc-input=1x3x32x32", *ONE, "--benchmark-disable"],
            cwd=one.folder, capture_output=True, text=True, check=False,
            env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
        )  # fmt: skip
    finally:
        (folder / "done").write_text("")
    text = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("artifacts are not kept for later runs" in text) == (not filled)
    assert ("2 from the cache" in text) == filled
