"""Everything that an NVIDIA card can tell, in one command and one file; `make gpu` runs it.

It checks what is there, and installs nothing. Then it runs conformance, unchanged code against itself (which has to be
green), a planted loss (which has to be red), patterns and four networks at batches of 1 and 64 over PyTorch on the
card, and the staircase. A step that fails or takes too long does not keep the next from running. All that they print,
and what nvidia-smi saw meanwhile, is in one file.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).parents[1]
BACKENDS = (
    "native-cuda-tf32", "native-cuda-bf16", "cudagraphs", "inductor-cuda", "onnxruntime-cuda", "tensorrt",
    "tensorrt-f16",
)  # fmt: skip
# They prepare a form in a second or so.
QUICK = ("cudagraphs", "onnxruntime-cuda", "native-cuda-tf32", "native-cuda-bf16")
NETWORKS = "resnet18,mobilenet_v2,squeezenet1_1,ghostnet"
ANSWER_S = 120  # for what only tells a version; torch may have to be read from a cold disk
GRACE_S = 30.0  # to end a late step, and to write
LEAST_S = 5.0  # no step is begun for less
PASSED, FAILED, LATE, SKIPPED = "as expected", "NOT as expected", "out of time", "not begun: no time was left"
SMI = (
    "nvidia-smi", "--format=csv", "--query-gpu=timestamp,name,clocks.sm,clocks.mem,power.draw,temperature.gpu,"
    "utilization.gpu,memory.used,",
)  # fmt: skip
REASONS = ("clocks_event_reasons.active", "clocks_throttle_reasons.active")  # older drivers know the second alone
PROBE = """
import json, sys
from pytest_formfunc.backends import backend_entry
found = {}
for name in sys.argv[1:]:
    entry = backend_entry(name)
    try:
        found[name] = entry.why_not_installed() or entry.make(1).why_unavailable()
    except Exception as error:
        found[name] = f"it does not load here ({error})"
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        title: what it shows.
        command: what is run, in the repository's root.
        share: its part of the time that is left when it begins, among those of the steps from here on.
        code: the exit code that is as expected.
        says: what it then prints.
        variables: what its environment has beside this process's.
    """

    title: str
    command: tuple[str, ...]
    share: float
    code: int = 0
    says: str = ""
    variables: dict[str, str] = field(default_factory=dict)


def steps(pytest: tuple[str, ...], available: Sequence[str]) -> list[Step]:
    """Return what is run.

    Args:
        pytest: the command that starts pytest with the plugin.
        available: the backends that can be used here beside native-cuda, one at least.
    """
    quick = [name for name in QUICK if name in available] or list(available)
    suite = (*pytest, "bench/test_forms.py", "-q", "--formfunc-native=native-cuda")
    small = ("--formfunc-patterns=plain,bottleneck", "--formfunc-depths=2", f"--formfunc-backends={quick[0]}")
    found = [
        Step(
            "conformance: every engine on every pattern", (*pytest, "bench/test_conformance.py", "-q", "-s"),
            5, variables={"FORMFUNC_BACKENDS": ",".join(["native-cuda", *available])},
        ),
        Step(
            "unchanged code against itself", (*suite, *small, "--formfunc-against=HEAD", "--formfunc-budget=4s"), 2,
        ),
        Step(
            "a planted loss of 30%",
            (*suite, *small, "--formfunc-against=HEAD", "--formfunc-budget=4s", f"--formfunc-plant={quick[0]}=0.3"),
            2, 1, "lost speedup",
        ),
    ]  # fmt: skip
    for batch in (1, 64):
        shape = f"--formfunc-input={batch}x3x224x224"
        engines = f"--formfunc-backends={','.join(quick)}"
        found += [
            Step(
                f"sixteen patterns, batch {batch}",
                (*suite, "--formfunc-depths=2", "--formfunc-budget=2s", shape, engines), 4,
            ),
            Step(
                f"four networks, batch {batch}",
                (*suite, f"--formfunc-architectures={NETWORKS}", "--formfunc-budget=4s", shape, engines), 2,
            ),
        ]  # fmt: skip
    found.append(
        Step(
            "staircase: latency over width", (*pytest, "bench/test_staircase.py::test_staircase", "-q", "-s"), 5,
            variables={"FORMFUNC_BACKENDS": "native-cuda", "FORMFUNC_STEP": "8"},
        )
    )  # fmt: skip
    return found


def limit_of(todo: Sequence[Step], left_s: float) -> float:
    """Return the seconds that the first of these steps may take: its share of what is left, so that each gets its own.

    What a step does not need is left to those after it.
    """
    return max(0.0, left_s - GRACE_S) * todo[0].share / sum(one.share for one in todo)


def main() -> int:
    """Run all steps; the exit code is 1 if one was not as expected, and 2 if there is no card."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path("gpu.txt"), help="the file with all results (gpu.txt)")
    parser.add_argument("--minutes", type=float, default=25.0, help="time for everything (25)")
    given = parser.parse_args()
    if not 0 < given.minutes < 24 * 60:
        parser.error(f"--minutes {given.minutes:g} is no time for a run: give minutes above 0")
    end = time.monotonic() + 60 * given.minutes
    try:
        out = given.output.open("w", encoding="utf-8")
    except OSError as error:
        parser.error(f"{given.output} cannot be written ({error.strerror}): name another file by --output")
    with out:
        return _run(out, end, sys.executable)


def _run(out: TextIO, end: float, python: str) -> int:
    def say(text: str) -> None:
        print(text, flush=True)
        print(text, file=out, flush=True)

    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(":")
    }
    say(f"formfunc on a card, {time.strftime('%Y-%m-%d %H:%M')}, commit {_commit()}")
    for command in (
        ("nvidia-smi",),
        (python, "-c", "import torch; print('torch', torch.__version__, torch.version.cuda)"),
    ):
        say(_answer(command, environment))
    probed = _answer((python, "-c", PROBE, "native-cuda", *BACKENDS), environment)
    try:
        reasons = json.loads(probed.splitlines()[-1])
    except (IndexError, ValueError):
        say(f"the engines do not answer: {probed}")
        return 2
    for name, reason in reasons.items():
        say(f"{name}: {reason or 'can be used'}")
    available = [name for name in BACKENDS if reasons[name] is None]
    if reasons["native-cuda"] is not None or not available:
        say("There is nothing to measure here; the lines above say what is missing. Nothing was installed.")
        return 2
    outcomes = []
    plugin = () if _is_installed() else ("-p", "pytest_formfunc.plugin")
    todo = steps((python, "-m", "pytest", *plugin), available)
    with _watched(environment, say):
        for index, step in enumerate(todo):
            limit = limit_of(todo[index:], end - time.monotonic())
            outcomes.append((step, _outcome_of(step, limit, environment, say) if limit > LEAST_S else SKIPPED))
    say("\nsummary:")
    for step, outcome in outcomes:
        say(f"  {step.title}: {outcome}")
    return 0 if all(outcome == PASSED for _, outcome in outcomes) else 1


def _outcome_of(step: Step, limit_s: float, environment: dict[str, str], say: Callable[[str], None]) -> str:
    """Run a step for so many seconds at most, say what it prints, and return how it ended."""
    say(f"\n=== {step.title}: {' '.join(step.command[1:])} ({limit_s:.0f} s at most)")
    began = time.monotonic()
    with subprocess.Popen(
        step.command, cwd=ROOT, env=environment | step.variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
        # Of a shell's background job the signal is ignored, and children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    ) as process:  # fmt: skip
        try:
            text, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)  # pytest reports what it has
            try:
                text, _ = process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                text, _ = process.communicate()
            say(text)
            return LATE
    say(text)
    outcome = PASSED if process.returncode == step.code and step.says in text else FAILED
    say(f"exit code {process.returncode}, {time.monotonic() - began:.0f} s: {outcome}")
    return outcome


def _answer(command: Sequence[str], environment: dict[str, str]) -> str:
    """Return what a short command prints, or why it does not."""
    if shutil.which(command[0]) is None:
        return f"{command[0]}: not found"
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=ANSWER_S, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"{command[0]}: no answer within {ANSWER_S} s"
    return (done.stdout or done.stderr).strip()


def _is_installed() -> bool:
    """Return whether pytest finds the plugin by itself."""
    return any(one.name == "formfunc" for one in importlib.metadata.entry_points(group="pytest11"))


def _commit() -> str:
    return _answer(("git", "rev-parse", "--short", "HEAD"), dict(os.environ))


def _succeeds(command: Sequence[str], environment: dict[str, str]) -> bool:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run(command, env=environment, capture_output=True, timeout=ANSWER_S, check=False)
        return answer.returncode == 0
    return False


@contextlib.contextmanager
def _watched(environment: dict[str, str], say: Callable[[str], None]) -> Iterator[None]:
    """Let nvidia-smi write what it sees each second, and say it at the end."""
    if shutil.which(SMI[0]) is None:
        yield
        return
    asked = [(*SMI[:-1], SMI[-1] + reasons) for reasons in REASONS]
    command = next((one for one in asked if _succeeds(one, environment)), asked[0])
    with tempfile.TemporaryFile("w+") as seen:  # a pipe that nobody reads would fill up
        with subprocess.Popen((*command, "-l", "1"), env=environment, stdout=seen, stderr=subprocess.STDOUT) as log:
            try:
                yield
            finally:
                log.terminate()
        seen.seek(0)
        say(f"\nnvidia-smi meanwhile:\n{seen.read().strip()}")


if __name__ == "__main__":
    sys.exit(main())
