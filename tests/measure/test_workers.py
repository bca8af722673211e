"""Real processes: how workers start, answer, die, hang and end."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pytest_formfunc.errors import WorkerDied, WorkerTimeout
from pytest_formfunc.forms.sources import PatternSource
from pytest_formfunc.measure import worker as worker_module
from pytest_formfunc.measure.artifacts import find_prepared
from pytest_formfunc.measure.probe import probe_devices
from pytest_formfunc.measure.protocol import Turn
from pytest_formfunc.measure.worker import _slowed, _warm_up
from pytest_formfunc.measure.workers import JobFailed, WorkerServer

pytestmark = pytest.mark.engine

SOURCE = PatternSource("pointwise", 1, 8, (1, 3, 16, 16), 0)


@pytest.fixture(scope="module")
def server():
    one = WorkerServer(timeout_s=60, threads=1, size=2)
    yield one
    one.close()


def prepare(server, cache, source=SOURCE, backends=("native", "openvino")):
    engines = {name: name for name in backends}
    job = server.job("prepare", source=source, engines=engines, cache=str(cache))
    with server.worker(job, "preparing") as worker:
        return worker.receive()


def measuring(server, prepared, backend, slow_down=0.0, *, keep_memory=False, launch=0):
    artifact = str(Path(prepared.folder) / prepared.artifacts[backend])
    return server.worker(
        server.job(
            "measure", engine=backend, source=SOURCE, artifact=artifact, seeds=(0, 1), keep_memory=keep_memory, graph=True,
            outputs_to=f"{prepared.folder}/outputs-{backend}",
            slow_down=slow_down,
        ),
        f"{backend} worker",
        launch,
    )  # fmt: skip


@pytest.fixture(scope="module")
def prepared(server, tmp_path_factory):
    """The artifacts of `SOURCE` in a cache of their own."""
    return prepare(server, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def cache(prepared):
    return Path(prepared.folder).parent


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, limit_s=10.0):
    end = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_each_backend_answers_rounds_from_its_own_process(server, prepared):
    """A worker loads, says how long that took, and times exactly the calls asked for."""
    with (
        measuring(server, prepared, "native") as native,
        measuring(server, prepared, "openvino") as accelerated,
    ):
        assert native.pid != accelerated.pid
        for worker, kernels in ((native, False), (accelerated, True)):
            ready = worker.receive()
            assert ready.compile_s > 0
            assert ready.first_call_s > 0
            assert ready.precision == "f32"
            assert (ready.graph is not None) == kernels
            turn = worker.ask(Turn(2, 5))
            assert len(turn.calls_s) == 5
            assert min(turn.calls_s) > 0
            assert turn.disturbance.wall_s >= sum(turn.calls_s) * 0.99
            assert worker.ask(None) > 10e6


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_launches_are_forked_from_the_servers_in_turn(prepared):
    """Each server is a process of its own, with addresses of its own, and starts when its first launch needs it."""
    server = WorkerServer(timeout_s=60, threads=1, size=2)
    try:
        parents, started = [], []
        for launch in range(4):
            with measuring(server, prepared, "native", launch=launch) as worker:
                worker.receive()
                parents.append(parent_of(worker.pid))
                started.append(len(server.pids))
        assert parents == [*server.pids, *server.pids]
        assert started == [1, 2, 2, 2]
        maps = [Path(f"/proc/{pid}/maps").read_text().splitlines() for pid in server.pids]
        heaps = [next(line for line in lines if "[heap]" in line) for lines in maps]
        assert heaps[0] != heaps[1]
    finally:
        server.close()


def test_servers_begin_together_and_are_waited_for():
    """As many as a case surely needs, and no more than the pool has; the time that waiting takes is known."""
    server = WorkerServer(timeout_s=60, threads=1, size=2)
    try:
        server.begin(1)
        assert len(server.pids) == 1
        server.begin(7)
        assert len(server.pids) == 2
        pids = server.pids
        server.wait()
        waited_s = server.starting_s
        assert waited_s > 0
        for launch in range(2):
            with server.worker(server.job("host"), "host probe", launch) as worker:
                assert worker.receive()["cores"] >= 1
        assert server.pids == pids
        assert server.starting_s - waited_s < 0.1 < waited_s
    finally:
        server.close()


def test_servers_that_still_start_end_with_the_pool():
    """A run may be refused or interrupted while they import the engines."""
    server = WorkerServer(timeout_s=60, threads=1, size=2)
    server.begin(2)
    pids = server.pids
    server.close()
    assert server.pids == []
    assert wait_until(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.alone
def test_a_parked_worker_uses_no_processor_time(server, prepared):
    """While another measures, a worker blocks on a read: it does not spin beside the measurement."""
    with measuring(server, prepared, "openvino") as worker:
        worker.receive()
        worker.ask(Turn(1, 5))
        time.sleep(0.3)  # the engine's own threads may spin for a moment after a call
        ticks = [int(field) for field in Path(f"/proc/{worker.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]]
        time.sleep(1.0)
        later = [int(field) for field in Path(f"/proc/{worker.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]]
        assert sum(later) - sum(ticks) <= 0.05 * os.sysconf("SC_CLK_TCK")


@pytest.fixture
def spinning(monkeypatch):
    """A server whose workers' threads never sleep, as some users ask of OpenMP."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    one = WorkerServer(timeout_s=60, threads=2, size=1)
    yield one
    one.close()


def seconds_of(pid):
    """Return the processor time of a process in seconds, all of its threads together."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def states(pid):
    return {path.read_text().rsplit(")", 1)[1].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")}


def test_a_worker_whose_threads_do_not_sleep_is_stopped_until_its_next_turn(spinning, prepared):
    """It takes no core from the one whose turn it is, and what it is asked next it does as if nothing had been."""
    with measuring(spinning, prepared, "native") as worker:
        worker.receive()
        for _ in range(3):
            answer = worker.ask(Turn(2, 5))
            assert (answer.spins, answer.disturbance.continued, len(answer.calls_s)) == (True, 0, 5)
            assert states(worker.pid) == {"T"}
            before = seconds_of(worker.pid)
            time.sleep(0.1)
            assert seconds_of(worker.pid) == before
        assert worker.ask(None) > 10e6


def test_a_worker_that_is_stopped_ends_with_its_server_and_by_itself(spinning, prepared):
    """Nobody is left waiting for it, and it is not left either."""
    with measuring(spinning, prepared, "native") as worker:
        worker.receive()
        worker.ask(Turn(2, 5))
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="was killed by SIGKILL"):
            worker.ask(Turn(2, 5))
    with measuring(spinning, prepared, "native") as worker:
        worker.receive()
        worker.ask(Turn(2, 5))
        spinning.close()
        assert wait_until(lambda: not alive(worker.pid))


def test_only_one_engine_has_threads_in_a_worker(server, prepared):
    """The server has no thread pool to inherit, and each worker starts only its engine's."""
    assert len(os.listdir(f"/proc/{server.pids[0]}/task")) == 1
    with measuring(server, prepared, "native") as worker:
        worker.receive()
        names = {Path(task, "comm").read_text() for task in Path(f"/proc/{worker.pid}/task").iterdir()}
        assert not [name for name in names if "tbb" in name.lower()]


def test_the_warm_up_gives_the_time_of_a_warm_call(monkeypatch):
    """Neither the slow first calls nor a disturbed last call determine it."""
    now, calls_s = [0.0], iter([0.5, 0.3, 0.001, 0.001, 0.001, 0.001, 0.001, 0.4])

    def call():
        seconds = next(calls_s)
        now[0] += seconds
        return round(seconds * 1e9)

    monkeypatch.setattr(worker_module, "WARM_UP_S", 0.9)
    monkeypatch.setattr(worker_module.time, "perf_counter", lambda: now[0])
    early_s, settled_s = _warm_up(call)
    assert settled_s == pytest.approx(0.001)
    assert early_s == pytest.approx(0.001)  # the median of the first five
    assert next(calls_s, None) is None


@pytest.mark.parametrize(
    ("first_s", "call_s", "made"),
    [
        (0.04, 0.04, 1),
        (0.02, 0.04, 5),  # this one was disturbed; a heap that is kept grows for some calls
        (0.5, 0.004, 5),  # some engines compile in the first one
    ],
)
def test_one_call_warms_up_where_calls_are_long(monkeypatch, first_s, call_s, made):
    """It is not enough where only the first one was long, or only this one."""
    now, calls = [0.0], []

    def call():
        now[0] += call_s
        calls.append(call_s)
        return round(call_s * 1e9)

    monkeypatch.setattr(worker_module.time, "perf_counter", lambda: now[0])
    _warm_up(call, 5, first_s)
    assert len(calls) == made


@pytest.mark.alone
def test_a_planted_slow_down_is_real(server, prepared):
    """The worker that was told to really works longer at each call: three times as long with 200%."""

    def work():
        started = time.perf_counter_ns()
        while time.perf_counter_ns() < started + 2_000_000:
            pass
        return time.perf_counter_ns() - started

    slowed = _slowed(work, 2.0)
    ratios, said = [], []
    for _ in range(15):
        started = time.perf_counter()
        worked_ns = work()
        between = time.perf_counter()
        slowed_ns = slowed()
        ratios.append((time.perf_counter() - between) / (between - started))
        said.append(slowed_ns / worked_ns)
    assert 2.7 < sorted(ratios)[7] < 3.3
    assert 2.7 < sorted(said)[7] < 3.3
    with measuring(server, prepared, "native") as fast, measuring(server, prepared, "native", slow_down=9.0) as slow:
        fast.receive()
        slow.receive()
        pairs = [(min(slow.ask(Turn(2, 31)).calls_s), min(fast.ask(Turn(2, 31)).calls_s)) for _ in range(5)]
    assert min(slow_s for slow_s, _ in pairs) > 3 * min(fast_s for _, fast_s in pairs)


def test_second_preparation_converts_nothing(server, tmp_path):
    """Artifacts are kept by content; a bundled pattern is found without even building it."""
    assert find_prepared(SOURCE, {"native": "native", "openvino": "openvino"}, str(tmp_path), 1) is None
    first = prepare(server, tmp_path)
    assert set(first.converted) == {"weights.pt", "model.xml"}
    found = find_prepared(SOURCE, {"native": "native", "openvino": "openvino"}, str(tmp_path), 1)
    assert found is not None
    assert found.folder == first.folder
    assert found.cost == first.cost
    assert prepare(server, tmp_path).converted == ()


@pytest.mark.parametrize(
    "other",
    [
        PatternSource("pointwise", 2, 8, (1, 3, 16, 16), 0),
        PatternSource("pointwise", 1, 9, (1, 3, 16, 16), 0),
        PatternSource("pointwise", 1, 8, (2, 3, 16, 16), 0),
        PatternSource("pointwise", 1, 8, (1, 3, 16, 16), 1),
        PatternSource("plain", 1, 8, (1, 3, 16, 16), 0),
    ],
)
def test_whatever_shapes_the_artifact_is_in_its_key(cache, other):
    """Another size, shape, seed or pattern never finds this one's artifacts."""
    engines = {"native": "native", "openvino": "openvino"}
    assert find_prepared(SOURCE, engines, str(cache), 1) is not None
    assert find_prepared(other, engines, str(cache), 1) is None


def test_a_job_that_raises_is_one_sentence(server, tmp_path):
    """The message has the worker's exception as the reason; the traceback is in the details."""
    with pytest.raises(JobFailed, match=r"^.*attention.* multiples of 32") as caught:
        prepare(server, tmp_path, PatternSource("attention", 1, 33, (1, 3, 16, 16), 0))
    assert "\n" not in str(caught.value)
    assert "Traceback" in caught.value.details


def test_devices_are_told_by_a_worker_if_any_was_named(server):
    """A virtual one may lead to devices that a run has to know of; the processor needs no process to be known."""

    def nobody():
        raise AssertionError("no worker is needed")

    assert probe_devices(nobody, {"native", "openvino", "openvino@CPU"}) == {}
    answer = probe_devices(lambda: server, {"native", "openvino", "openvino@AUTO:-GPU", "openvino@HETERO:CPU"})
    assert answer == {"openvino@AUTO:-GPU": answer["openvino@AUTO:-GPU"], "openvino@HETERO:CPU": ()}
    assert all("GPU" not in one["device"] for one in answer["openvino@AUTO:-GPU"])


def test_a_killed_worker_is_named_with_its_signal(server, prepared):
    """The out-of-memory killer's work is told from a hang."""
    with measuring(server, prepared, "native") as worker:
        worker.receive()
        os.kill(worker.pid, signal.SIGKILL)
        assert wait_until(lambda: not alive(worker.pid))
        with pytest.raises(WorkerDied, match="native worker was killed by SIGKILL"):
            worker.ask(Turn(1, 1))


def test_a_hanging_worker_is_killed_at_the_time_limit(prepared):
    """It is a failure of its own kind, and the process is gone."""
    server = WorkerServer(timeout_s=60, threads=1, size=2)
    try:
        with measuring(server, prepared, "native") as worker:
            worker.receive()
            os.kill(worker.pid, signal.SIGSTOP)
            worker.send(Turn(1, 1))
            with pytest.raises(WorkerTimeout, match=r"did not answer within 0.5s \(--formfunc-timeout\)"):
                worker.receive(0.5)
            assert wait_until(lambda: not alive(worker.pid))
    finally:
        server.close()


def test_closing_the_server_ends_every_worker(prepared):
    """Parked and stopped workers alike."""
    server = WorkerServer(timeout_s=60, threads=1, size=2)
    workers = [measuring(server, prepared, "native") for _ in range(2)]
    for worker in workers:
        worker.receive()
    os.kill(workers[1].pid, signal.SIGSTOP)
    server.close()
    assert wait_until(lambda: not any(alive(worker.pid) for worker in workers))


def test_no_worker_outlives_a_killed_parent(cache):
    """Not even a SIGKILL of the parent leaves a process behind."""
    script = textwrap.dedent(
        """
        import sys, time
        sys.path.insert(0, sys.argv[1])
        from test_workers import SOURCE, Turn, WorkerServer, measuring, prepare
        server = WorkerServer(timeout_s=60, threads=1, size=2)
        prepared = prepare(server, sys.argv[2])
        worker = measuring(server, prepared, "native")
        worker.receive()
        worker.send(Turn(10**9, 1))  # busy for hours
        print(server.pids[0], worker.pid, flush=True)
        time.sleep(600)
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parent), str(cache)],
        stdout=subprocess.PIPE,
        text=True,
    )
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert all(alive(pid) for pid in pids)
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not any(alive(pid) for pid in pids))


def test_what_a_process_has_started_is_killed_and_what_others_have_is_not():
    """Grandchildren too, but neither the process itself nor a child that is spared."""
    script = (
        "import subprocess, sys, time\n"
        "from pytest_formfunc.measure.server import children_of, kill_descendants\n"
        "import os\n"
        "spared = subprocess.Popen(['sleep', '50'])\n"
        "shell = subprocess.Popen(['sh', '-c', 'sleep 50 & sleep 50; true'])\n"
        "while len(children_of(shell.pid)) < 2: time.sleep(0.01)\n"
        "below = children_of(shell.pid)\n"
        "kill_descendants(os.getpid(), {spared.pid})\n"
        "print(shell.wait(), spared.poll(), *below, spared.pid)\n"
        "spared.kill()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    killed, goes_on, *below, _ = done.stdout.split()
    assert (killed, goes_on) == (str(-signal.SIGKILL), "None")
    assert wait_until(lambda: not any(alive(int(pid)) for pid in below))
