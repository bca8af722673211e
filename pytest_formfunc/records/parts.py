"""The parts of a record: small objects with plain values, each an object of the JSON contract too."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_formfunc.stats import Estimate

MET, MISSED, NOT_SHOWN = "met", "missed", "not shown"  # outcomes of a limit


@dataclass(frozen=True)
class Parity:
    """How closely an engine's outputs match native's, as `pytest_formfunc.parity` computes it.

    Attributes:
        ok: whether they match within the tolerance.
        max_abs_error: the largest absolute difference.
        sqnr_db: signal-to-quantisation-noise ratio in dB; infinite if the outputs are equal.
        output_std: standard deviation of native's output.
    """

    ok: bool
    max_abs_error: float
    sqnr_db: float
    output_std: float


@dataclass(frozen=True)
class Latency:
    """Statistics of every counted call, in seconds."""

    min: float
    p10: float
    median: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Noise:
    """What disturbed the counted calls.

    Attributes:
        run_delay_fraction: time that the process' threads waited on the run queue / wall time.
        page_faults_per_call: minor and major page faults.
        involuntary_switches: number in all counted calls.
        steal_fraction: time that the hypervisor took / wall time, over all cores.
        native_run_delay_fraction: the ``run_delay_fraction`` of native, whose turns alternated with these; None in runs
            that an early version saved.
        contended: whether other work on the machine disturbed so much of it that no speedup is claimed.
        cause: a clause that says what disturbed it; empty if it is not contended.
        discarded_rounds: number of rounds that were disturbed and measured again.
        sm_mhz: median clock of a graphics card's multiprocessors in MHz; None where no card was watched.
        sm_mhz_low: the lowest.
        power_w: the card's greatest power in watts.
        card_slowed_by: why its clock was at times below what was asked for, in words.
    """

    run_delay_fraction: float
    page_faults_per_call: float
    involuntary_switches: int
    steal_fraction: float
    native_run_delay_fraction: float | None = None
    contended: bool = False
    cause: str = ""
    discarded_rounds: int = 0
    sm_mhz: float | None = None
    sm_mhz_low: float | None = None
    power_w: float | None = None
    card_slowed_by: str = ""


@dataclass(frozen=True)
class ProcessRange:
    """What single processes by default get: the lowest and the highest speedup over servers.

    Attributes:
        low: the lowest.
        high: the highest.
        servers: number of servers; more of them have a wider range.
    """

    low: float
    high: float
    servers: int


@dataclass(frozen=True)
class Limit:
    """A floor of the speedup or a ceiling of the latency, and whether the interval that is printed shows that it holds.

    Attributes:
        name: ``min_speedup`` or ``max_latency``.
        limit: the limit; seconds for a latency.
        outcome: ``met``, ``missed`` or ``not shown``.
        reason: one sentence.
    """

    name: str
    limit: float
    outcome: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison with a baseline or with another revision.

    Attributes:
        status: unchanged, improved, regressed, inconclusive, new, missing or not comparable.
        threshold: the loss of speedup that counts, as a fraction.
        change: speedup in this run / speedup in what it is compared with; None if they could not be compared.
        reason: one sentence.
        smallest_change: the smallest loss, as a fraction, that the comparison detects with a probability of 80%.
        looks: number of looks, each after the first with further launches.
    """

    status: str
    threshold: float
    change: Estimate | None
    reason: str
    smallest_change: float | None = None
    looks: int = 1


@dataclass(frozen=True)
class Samples:
    """One number for each round, by launch, in seconds: what a later comparison needs.

    Attributes:
        median: the median of the round's calls.
        low: the 10% quantile of the round's calls, which other work on the machine affects less.
    """

    median: tuple[tuple[float, ...], ...]
    low: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Factor:
    """One of the factors that a speedup by default is made of.

    Attributes:
        name: what is different between the two, such as ``memory management``.
        over, under: the backends whose latencies it is the ratio of, in the same rounds.
        ratio: latency of the first / latency of the second.
    """

    name: str
    over: str
    under: str
    ratio: Estimate


@dataclass(frozen=True)
class JudgedLaunches:
    """What a verdict side by side rests on, launch by launch: what verdicts on several cases together are made of.

    Attributes:
        changes: speedup here / speedup there, of each launch.
        accelerated: accelerated latency there / here, of the same launches; these are the changes where native runs the
            same program on both sides.
        servers: the server that each launch was forked from, by its number in its process.
        process: names the process that has those servers; two processes have none in common.
        means: what the threshold means, by its name in ``--formfunc-threshold-means``.
        same_kernels: whether the engine executes the same graph on both sides.
        own_servers: whether the other side's workers were forked from servers of its own.
    """

    changes: tuple[float, ...]
    accelerated: tuple[float, ...]
    servers: tuple[int, ...]
    process: str
    means: str
    same_kernels: bool = False
    own_servers: bool = False

    @property
    def different_servers(self) -> int:
        """Return the number of servers."""
        return len({*self.servers})


@dataclass(frozen=True)
class Counterpart:
    """The same case and backend of another revision, measured in the same rounds.

    Attributes:
        revision: the other revision, as the user named it.
        commit: the hash of its commit.
        speedup: its speedup over its own native.
        samples: its round medians in seconds, by launch.
        own_samples: this revision's round medians from the same launches and rounds.
        native_samples: round medians of its native, from the launches that all four participants took part in.
        judged: the change of each launch that was judged; None in runs that an early version saved.
    """

    revision: str
    commit: str
    speedup: Estimate
    samples: tuple[tuple[float, ...], ...]
    own_samples: tuple[tuple[float, ...], ...]
    native_samples: tuple[tuple[float, ...], ...]
    judged: JudgedLaunches | None = None
