"""`make gpu` where there is no card, and how it divides its time."""

import importlib.util
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "gpu.py"


@pytest.fixture(scope="module")
def gpu():
    spec = importlib.util.spec_from_file_location("formfunc_gpu_tool", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def run(*args, timeout_s=120):
    return subprocess.run([sys.executable, TOOL, *args], capture_output=True, text=True, timeout=timeout_s, check=False)


def test_every_step_gets_its_share_and_what_others_left(gpu):
    """All of the time is given away, whatever single steps take."""
    todo = gpu.steps(("pytest",), ["cudagraphs", "inductor-cuda"])
    left, used = 1500.0, 0.0
    for index, step in enumerate(todo):
        limit = gpu.limit_of(todo[index:], left - used)
        assert limit >= 0.9 * step.share * (1500 - gpu.GRACE_S) / sum(one.share for one in todo)
        used += limit / 2 if index == 0 else limit
    assert used == pytest.approx(1500 - gpu.GRACE_S)
    assert gpu.limit_of(todo, 10.0) == 0.0


def test_a_planted_loss_has_to_be_red_and_unchanged_code_green(gpu):
    """Both run the same command but for the loss, on an engine that is there."""
    todo = {step.title: step for step in gpu.steps(("pytest",), ["inductor-cuda", "onnxruntime-cuda"])}
    unchanged, planted = todo["unchanged code against itself"], todo["a planted loss of 30%"]
    assert (unchanged.code, planted.code, planted.says) == (0, 1, "lost speedup")
    assert planted.command == (*unchanged.command, "--formfunc-plant=onnxruntime-cuda=0.3")
    everything = next(step for title, step in todo.items() if title.startswith("conformance"))
    assert everything.variables["FORMFUNC_BACKENDS"] == "native-cuda,inductor-cuda,onnxruntime-cuda"


def test_a_late_step_is_ended_and_what_it_printed_is_kept(gpu):
    """The next one still runs."""
    said = []
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a job in the background of a shell
    slow = gpu.Step("slow", (sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"), 1)
    wrong = gpu.Step("wrong", (sys.executable, "-c", "raise SystemExit(3)"), 1)
    began = time.monotonic()
    try:
        assert gpu._outcome_of(slow, 2.0, {}, said.append) == gpu.LATE
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < gpu.GRACE_S / 2  # it was not waited for in vain
    assert "begun" in "\n".join(said)
    assert gpu._outcome_of(wrong, 30.0, {}, said.append) == gpu.FAILED


@pytest.mark.engine
def test_without_a_card_it_says_what_is_missing(tmp_path):
    """In the file too; nothing is measured."""
    if Path("/proc/driver/nvidia").exists():
        pytest.skip("this machine has a card")
    done = run("--output", str(tmp_path / "found.txt"))
    assert done.returncode == 2, done.stderr
    assert "native-cuda: this torch" in done.stdout
    assert "There is nothing to measure here" in (tmp_path / "found.txt").read_text()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--minutes", "0"], "give minutes above 0"),
        (["--output", "/nowhere/found.txt"], "name another file by --output"),
    ],
)
def test_bad_input_is_one_sentence(args, words):
    done = run(*args)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
