"""Faults of processes, planted in runs of a user's project: what is lost, what goes on, and what is left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from support.processes import measuring, wait_until
from support.project import Project, git, users_environment

from pytest_formfunc.journal.folder import read_with_parts
from pytest_formfunc.journal.reading import read_journal
from pytest_formfunc.measure.scratch import sweep_runs

pytestmark = pytest.mark.engine

# Networks that do something to their own process when they are called there; "" does nothing.
NETS = """
import os, torch
import pytest


class Net(torch.nn.Module):
    def __init__(self, what):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.what = what

    def forward(self, x):
        return self.conv(x)


def hurt(module, args):
    if "PYTEST_FORMFUNC_RUN" in os.environ and not torch.compiler.is_exporting():
        exec("import os, signal, subprocess, time, torch\\nfrom pathlib import Path\\n" + module.what)


@pytest.mark.parametrize("what", {whats!r}, ids={names!r})
def test_net(formfunc, what):
    torch.manual_seed(0)
    net = Net(what)
    net.register_forward_pre_hook(hurt)
    formfunc(net, torch.ones(1, 3, 8, 8))
"""
FAULTS = {
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL"),
    "aborts": ("os.abort()", "was killed by SIGABRT"),
    "exits": ("os._exit(7)", "ended unexpectedly (exit code 7)"),
    "stopped": ("os.kill(os.getpid(), signal.SIGSTOP)", "did not answer within 15s (--formfunc-timeout) and was killed"),
    "closes": ("os.closerange(3, 200)", "closed its connection"),
    "garbage": ("[os.write(fd, b'garbage' * 9) for fd in range(3, 40) if os.path.exists(f'/proc/self/fd/{fd}')"
                " and os.readlink(f'/proc/self/fd/{fd}').startswith('socket')]", "sent something that is no answer"),
    "server": ("os.kill(os.getppid(), signal.SIGKILL)", "ended with its measuring server, which was killed by SIGKILL"),
    # In the rounds, which come after some hundred calls of a warm-up.
    "later": ("module.calls = getattr(module, 'calls', 0) + 1\n"
              "if module.calls > 400: os.kill(os.getppid(), signal.SIGKILL)", "killed by SIGKILL"),
    "allocates": ("torch.empty(2**60, dtype=torch.uint8)", "allocate"),
    "clock": ("time.perf_counter_ns = lambda: 0", "the clock stood still"),
}  # fmt: skip


def nets(**whats):
    """Return the file of tests of such networks, by name."""
    return NETS.format(whats=list(whats.values()), names=list(whats))


@pytest.fixture
def temporary(tmp_path_factory):
    """A folder of temporary files of the test's own."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture
def own(project, temporary):
    """A project with that folder."""
    project.temporary, project.environment = temporary, {"TMPDIR": str(temporary)}
    return project


def left_over(project):
    """Return what a run has left: folders, and processes."""
    return [*project.temporary.glob("formfunc-*"), *measuring(project.folder)]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory, artifact_cache):
    """One run of them all, one after the other, with a sound network at last."""
    one = Project(tmp_path_factory.mktemp("faulty"), artifact_cache)
    one.temporary = tmp_path_factory.mktemp("temporary")
    one.write("pytest.ini", "[pytest]\n")
    one.write("test_net.py", nets(**{name: code for name, (code, _) in FAULTS.items()}, after=""))
    one.outcome = one.measure(
        "--formfunc-timeout=15s", "--junitxml=junit.xml", "--benchmark-json=out.json", fresh=True,
        env={"TMPDIR": str(one.temporary)},
    )  # fmt: skip
    one.left = left_over(one)
    one.said = one.failures()
    return one


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_case_in_progress_with_a_sentence(faulty, fault):
    """It says what happened, in one line, whatever has happened to the cases before it."""
    said = faulty.said[f"test_net[openvino-{fault}]"]
    assert FAULTS[fault][1] in said, faulty.outcome.text
    assert "\n" not in said


def test_no_fault_fails_another_case_and_nothing_is_left(faulty):
    """The one after them all is measured."""
    assert faulty.outcome.code == 1, faulty.outcome.text
    assert len(faulty.said) == len(FAULTS)
    assert "Traceback" not in faulty.outcome.text
    assert f"{len(FAULTS)} failed, 1 passed" in faulty.outcome.text
    assert {case for case, _ in faulty.records("out.json")} == {"test_net.py::test_net[after]"}
    assert faulty.left == []


def test_a_time_limit_of_one_test_leaves_no_half_measured_row(bench):
    """It comes while a group of cases is measured for the first test: what has no figure yet fails with a sentence."""
    bench.write("conftest.py", TIME_LIMIT)
    outcome = bench.measure(
        "--formfunc-patterns=pointwise,fire", "--formfunc-depths=1", "--formfunc-widths=32", "--formfunc-budget=90s",
        "--formfunc-precision=0.1%", "--junitxml=junit.xml", "--formfunc-journal=run.jsonl", "--benchmark-json=out.json",
    )  # fmt: skip
    said = bench.failures()
    assert len(said) == 4, outcome.text
    assert sum("the time of this test is over" in one for one in said.values()) == 4
    assert sum("measuring it ended early" in one for one in said.values()) == 3
    assert read_journal(bench.folder / "run.jsonl").rows == {}


TIME_LIMIT = """
import signal
import pytest


def late(number, frame):
    pytest.fail("the time of this test is over", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 6.0)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
"""


def test_what_a_model_starts_ends_with_the_run(own):
    """A child in a session of its own, and a fork: also where the server that would have adopted them was killed."""
    starts = (
        "Path('pids').open('a').write(f\"{subprocess.Popen(['sleep', '99'], start_new_session=True, stdout=-3, stderr=-3).pid} \");"
        "pid = os.fork();\n"
        "if pid == 0:\n    os.setsid(); time.sleep(99)\n"
        "Path('pids').open('a').write(f'{pid} ')"
    )
    killed = f"{starts}\nos.kill(os.getppid(), signal.SIGKILL)"
    own.write("test_net.py", nets(before=starts, fault=killed, after=""))
    outcome = own.measure("--junitxml=junit.xml", "--formfunc-timeout=30s", env=own.environment, fresh=True)
    assert [*own.failures()] == ["test_net[openvino-fault]"], outcome.text
    pids = [int(one) for one in (own.folder / "pids").read_text().split()]
    assert len(pids) >= 4
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids), 5)
    assert left_over(own) == []


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_of_build_servers_take_the_way_of_ctrl_c(repository, temporary, number):
    """The journal says that it was interrupted, and no worktree, folder or process is left."""
    process = repository.start(
        "--formfunc-against", "v1", "--formfunc-journal=run.jsonl", "--formfunc-budget=60s", "--formfunc-precision=0.1%",
        env={"TMPDIR": str(temporary)},
    )  # fmt: skip
    assert wait_until(lambda: is_measuring(repository, process)), process.stdout.read()
    os.kill(process.pid, number)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 2, text
    assert "KeyboardInterrupt" in text
    assert "Traceback" not in text
    assert read_journal(repository.folder / "run.jsonl").ended == "interrupted"
    assert len(trees(repository)) == 1
    assert [*temporary.glob("formfunc-*")] == []
    assert measuring(repository.folder) == []


def test_a_signal_that_is_repeated_interrupts_no_report(project, temporary):
    """As timeout(1) sends it, to its child and then to the whole group, and build servers until one has ended."""
    project.write("test_net.py", nets(one=""))
    process = project.start(
        "--formfunc-journal=run.jsonl", "--formfunc-budget=60s", "--formfunc-precision=0.1%", "--junitxml=junit.xml",
        env={"TMPDIR": str(temporary)},
    )  # fmt: skip
    assert wait_until(lambda: is_measuring(project, process)), process.stdout.read()
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    text, _ = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in text) == (2, False), text
    assert "KeyboardInterrupt" in text
    assert (project.folder / "junit.xml").exists()
    assert [*temporary.glob("formfunc-*")] == []


def test_bisecting_ends_with_all_that_it_has_started(repository, temporary):
    """Its own pytest takes the way of Ctrl-C, and its folder and worktrees go."""
    (repository.folder / "src/mynets/net.py").write_text((repository.folder / "src/mynets/net.py").read_text() + "#\n")
    git(repository.folder, "commit", "-qam", "two")
    options = ("--formfunc-budget=60s", "--formfunc-precision=0.1%", "--formfunc-servers=3")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_formfunc.cli", "bisect", "v1", "HEAD", "--", "test_net.py", *options],
        cwd=repository.folder, env={**users_environment(), "TMPDIR": str(temporary)}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    found = wait_until(
        lambda: process.poll() is not None or [*temporary.glob("formfunc-run-bisect-*/[0-9a-f]*/test_net.py")]
    )
    assert process.poll() is None, process.stdout.read()
    assert found, [*temporary.rglob("*")][:20]
    (tree,) = temporary.glob("formfunc-run-bisect-*/[0-9a-f]*/test_net.py")
    found = wait_until(lambda: process.poll() is not None or measuring(tree.parent))
    assert process.poll() is None, process.stdout.read()
    assert found
    process.send_signal(signal.SIGTERM)
    text, _ = process.communicate(timeout=90)
    assert process.returncode == 2, text
    assert len(trees(repository)) == 1
    assert [*temporary.glob("formfunc-*")] == []
    assert measuring(tree.parent) == []


def is_measuring(project, process):
    assert process.poll() is None, process.stdout.read()
    return bool(measuring(project.folder)) and (project.folder / "run.jsonl").exists()


@pytest.mark.alone
def test_the_next_run_sweeps_what_a_killed_one_has_left(repository, temporary, monkeypatch):
    """Its folder, its worktree and git's record of it, and the processes of its model; never those of a live run."""
    env = {"TMPDIR": str(temporary)}
    options = ("--formfunc-against", "v1", "--formfunc-budget=60s", "--formfunc-precision=0.1%")
    net, child = repository.folder / "src/mynets/net.py", repository.folder / "child"
    net.write_text(
        "import os, subprocess\n" + net.read_text().replace(
            "return self.body", "if not torch.compiler.is_exporting() and not os.path.exists('child'):\n"
            "            child = subprocess.Popen(['sleep', '99'], start_new_session=True, stdout=-3, stderr=-3)\n"
            "            open('child', 'w').write(str(child.pid))\n"
            "        return self.body")
    )  # fmt: skip
    killed = repository.start(*options, "--formfunc-journal=one.jsonl", env=env)
    assert wait_until(lambda: child.exists() and child.read_text() != "")
    for pid in (killed.pid, *measuring(repository.folder)):
        os.kill(pid, signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    (dead,) = temporary.glob("formfunc-run-*")
    assert (dead / "other").is_dir()
    assert is_alive(int(child.read_text()))
    live = repository.start(*options, "--formfunc-journal=two.jsonl", env=env)
    try:
        assert wait_until(lambda: not dead.exists() and len([*temporary.glob("formfunc-run-*/other")]) == 1)
        assert wait_until(lambda: not is_alive(int(child.read_text())), 5)
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        assert sweep_runs() == []
        assert len(trees(repository)) == 2
        assert live.poll() is None, live.stdout.read()
    finally:
        live.send_signal(signal.SIGINT)
        live.communicate(timeout=60)
    assert len(trees(repository)) == 1
    assert [*temporary.glob("formfunc-run-*")] == []


def trees(project):
    listed = subprocess.run(["git", "worktree", "list"], cwd=project.folder, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def test_a_server_that_is_killed_between_two_cases_is_replaced(own):
    """Nothing of any case is lost with it."""
    own.write(
        "conftest.py",
        "import os, signal\n"
        "from pathlib import Path\n"
        "def pytest_runtest_logreport(report):\n"
        "    if report.when == 'call' and 'before' in report.nodeid:\n"
        "        for child in Path(f'/proc/self/task/{os.getpid()}/children').read_text().split():\n"
        "            if b'measure.server' in Path(f'/proc/{child}/cmdline').read_bytes():\n"
        "                os.kill(int(child), signal.SIGKILL)\n",
    )
    own.write("test_net.py", nets(before="", after=""))
    outcome = own.measure(env=own.environment, fresh=True)
    assert outcome.code == 0, outcome.text
    assert "2 passed" in outcome.text
    assert left_over(own) == []


def test_time_that_stands_still_in_a_test_ends_no_budget(own):
    """As freezegun and others make it: our clock goes on, and so does the journal's."""
    own.write(
        "test_net.py",
        "import time, torch\n"
        "def test_net(formfunc, monkeypatch):\n"
        "    for name in ('time', 'monotonic', 'perf_counter'):\n"
        "        monkeypatch.setattr(time, name, lambda: 0.0)\n"
        "        monkeypatch.setattr(time, f'{name}_ns', lambda: 0)\n"
        "    formfunc(torch.nn.Conv2d(3, 4, 3), torch.ones(1, 3, 8, 8))\n",
    )
    outcome = own.measure("--formfunc-journal=run.jsonl", timeout=60, env=own.environment, fresh=True)
    assert outcome.code == 0, outcome.text
    assert len(read_with_parts(own.folder / "run.jsonl").rows) == 2
