"""Turn all options into one frozen object; units are converted and values are checked here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_formfunc import cases, names
from pytest_formfunc.backends import NATIVE, NATIVE_CUDA, WATERFALL, backend_entry, backend_names
from pytest_formfunc.calibration import check_calibration
from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.input_specs import Call, image, parse_calls
from pytest_formfunc.forms.model_files import no_torch_form
from pytest_formfunc.forms.patterns import pattern_names
from pytest_formfunc.forms.users import UserModel, parse_model, split_models
from pytest_formfunc.function.advice import TRIALS
from pytest_formfunc.host import allowed_cores
from pytest_formfunc.option_specs import FAIL_ON, REPORT_FORMATS, THRESHOLD_MEANS, either, report_ending
from pytest_formfunc.stats.balance import MOST_PARTS
from pytest_formfunc.units import parse_fraction, parse_positive_int, parse_seconds

BEST = "best"  # in place of backends: every one that is available here


@dataclass(frozen=True)
class Settings:
    """What one run was asked to do; times are in seconds, and percentages are fractions.

    Attributes:
        patterns: names of the patterns.
        depths: numbers of blocks.
        widths: numbers of channels.
        backends: names of the accelerated backends.
        best: whether all available backends were asked for; ``backends`` is empty until `with_backends` sets them.
        native: name of the engine that is measured as native.
        native_is_given: whether somebody has said it; else it follows from the backends of the tests.
        architectures: names of the architectures.
        models: the user's models.
        pretrained: whether to use trained weights where a library has them.
        calls: the inputs that each form is called with; None for the default.
        calibration: path of the samples for quantisation, or an empty string.
        seed: seed of weights and inputs.
        threads: number of threads of each engine.
        precision: half-width of the speedups' intervals to reach.
        budget_s: time to measure a case on native and one accelerated backend; each further one adds half of it.
        timeout_s: time to wait for an answer of a worker.
        servers: number of processes that launches are forked from in turn.
        threshold: the loss of speedup that counts.
        threshold_means: ``found`` (a loss of it fails nine times in ten) or ``measured``.
        gate: what is judged: ``time`` or ``graph``.
        fail_on: kinds of verdict that fail a test.
        strict: whether an incomplete comparison fails.
        accept: names of what may be gone or looser than on the other side.
        in_ci: whether this is a build server.
        cache_dir: folder of all artifacts.
        reports: paths of the report files.
        quiet: whether the terminal gets the headline alone.
        journal: path of the run's journal, or an empty string for the usual place.
        why: whether to observe each case by instruments, after it was timed.
        callgrind: whether to count under callgrind as well.
        advise: what may make each case faster, to be built and timed: names of lints, ``threads`` and ``engine``.
        trained: whether the weights of the user's models are trained, so that zeros are counted.
        waterfall: whether what lies between native and an engine is among ``backends``.
        resume: whether to continue a run that did not end.
        shard: number of the part to measure, from 1, and number of parts; None to measure everything.
        durations: file of the seconds that each case takes.
        cores: number of cores in each set of cores that xdist workers measure on; 0 for all.
        slow_down: fraction by which to lengthen each call of a backend, for tests of the gate.
        against: the revision to compare with side by side, or an empty string.
        against_env: folder of the virtual environment to compare with, or an empty string.
        baseline: name of the saved runs to compare with, or an empty string.
        escalation_s: time for further looks at each comparison side by side.
    """

    patterns: tuple[str, ...]
    depths: tuple[int, ...]
    widths: tuple[int, ...]
    backends: tuple[str, ...]
    best: bool
    native: str
    native_is_given: bool
    architectures: tuple[str, ...]
    models: tuple[UserModel, ...]
    pretrained: bool
    calls: tuple[Call | None, ...]
    calibration: str
    seed: int
    threads: int
    precision: float
    budget_s: float
    timeout_s: float
    servers: int
    threshold: float
    threshold_means: str
    gate: str
    fail_on: tuple[str, ...]
    strict: bool
    accept: tuple[str, ...]
    in_ci: bool
    cache_dir: Path
    reports: tuple[str, ...]
    quiet: bool
    journal: str
    why: bool
    callgrind: bool
    waterfall: bool
    trained: bool
    advise: tuple[str, ...]
    resume: bool
    shard: tuple[int, int] | None
    durations: Path
    cores: int
    slow_down: Mapping[str, float]
    against: str
    against_env: str
    baseline: str
    escalation_s: float

    def with_backends(self, names: tuple[str, ...]) -> Settings:
        """Return the settings with these backends."""
        return replace(self, backends=names)

    def for_architectures(self, names: tuple[str, ...]) -> Settings:
        """Return the settings with these architectures as the only forms, or those of them that the user asked for."""
        chosen = tuple(name for name in names if name in self.architectures) if self.architectures else names
        return replace(self, patterns=(), models=(), architectures=chosen)

    def cases(self) -> list[cases.Case]:
        """Return every case in a stable order: patterns by name, depth and width; architectures; the user's models.

        A form has one case for each input.

        Raises:
            BadInput: one of the forms cannot take a width or an input.
        """
        images = [call or image(cases.DEFAULT_INPUT) for call in self.calls]
        bundled = self.patterns or self.architectures
        shapes = [cases.image_shape(call) for call in images] if bundled else []
        out = [
            cases.pattern_case(pattern, depth, width, shape, self.seed)
            for pattern in self.patterns
            for depth in self.depths
            for width in self.widths
            for shape in shapes
        ]
        out += [cases.architecture_case(name, shape, self.seed) for name in self.architectures for shape in shapes]
        out += [
            cases.model_case(model, call, self.seed, pretrained=self.pretrained, calibration=self.calibration)
            for model in self.models
            for call in self.calls
        ]
        return out


def read_settings(raw: Mapping[str, str], *, root: Path, in_ci: bool, lenient: bool = False) -> Settings:
    """Turn raw option values into settings.

    Args:
        raw: one string for each of `option_specs.OPTIONS`, by key.
        root: the project's root folder, which ``cache_dir`` and ``calibration`` are relative to.
        in_ci: whether this is a build server.
        lenient: whether to leave out invalid models instead of raising an error; used to run another revision's tests,
            whose code may lack a model that was named for this one.

    Raises:
        BadInput: a value is invalid; the message is one sentence about the first one.
    """
    core_limit = allowed_cores()
    threads = _number(raw["threads"], "threads", low=0, high=core_limit) or core_limit
    best = BEST in _names(raw["backends"])
    if best and _names(raw["backends"]) != [BEST]:
        raise BadInput("--formfunc-backends best stands alone: it tries every backend that is available")
    waterfall = _flag(raw["waterfall"], "waterfall")
    if waterfall and backend_entry(_native(raw)).gpu:
        raise BadInput(
            "--formfunc-waterfall says how a speedup over PyTorch on the processor is made: leave out "
            f"--formfunc-native {_native(raw)}"
        )
    settings = Settings(
        patterns=_patterns(raw),
        depths=_numbers(raw["depths"], "depth"),
        widths=_numbers(raw["widths"], "width"),
        backends=() if best else names.check_backends([*(WATERFALL if waterfall else ()), *_names(raw["backends"])]),
        best=best,
        native=_native(raw),
        native_is_given=bool(raw["native"].strip()),
        architectures=names.check_architectures(_names(raw["architectures"])) if raw["architectures"] else (),
        models=_models(raw, lenient),
        pretrained=_flag(raw["pretrained"], "pretrained"),
        calls=parse_calls(raw["input"]) if raw["input"] else (None,),
        calibration=_calibration(raw, root),
        seed=_number(raw["seed"], "seed", low=0, high=2**31 - 2),
        threads=threads,
        precision=parse_fraction(raw["precision"], what="precision", high=0.5),
        budget_s=parse_seconds(raw["budget"], what="budget"),
        timeout_s=parse_seconds(raw["timeout"], what="timeout"),
        servers=_number(raw["servers"], "servers", low=3, high=256),
        threshold=parse_fraction(raw["threshold"], what="threshold"),
        threshold_means=names.check_names([raw["threshold_means"].strip()], THRESHOLD_MEANS, "meaning")[0],
        gate=names.check_names([raw["gate"].strip()], ("time", "graph"), "gate")[0],
        fail_on=names.check_names(_names(raw["fail_on"]), FAIL_ON, "kind of verdict"),
        strict=_flag(raw["strict"], "strict"),
        accept=tuple(_names(raw["accept"])),
        in_ci=in_ci,
        cache_dir=root / raw["cache_dir"],
        reports=_reports(raw["report"]),
        quiet=_flag(raw["quiet"], "quiet"),
        journal=raw["journal"],
        why=_flag(raw["why"], "why")
        or _flag(raw["callgrind"], "callgrind")
        or bool(raw["advise"])
        or _flag(raw["trained"], "trained"),
        advise=_trials(raw["advise"]),
        callgrind=_flag(raw["callgrind"], "callgrind"),
        waterfall=waterfall,
        trained=_flag(raw["trained"], "trained"),
        resume=_flag(raw["resume"], "resume"),
        shard=_shard(raw["shard"]),
        durations=root / raw["durations"],
        cores=_number(raw["cores"], "cores", low=0, high=core_limit),
        slow_down=_slow_down(raw["plant"]),
        against=raw["against"] or ("HEAD" if raw["against_env"] else ""),
        against_env=raw["against_env"],
        baseline=raw["baseline"],
        escalation_s=parse_seconds(raw["escalation"], what="escalation"),
    )
    settings.cases()  # raises an error now if a form cannot take a width or an input
    return settings


def _native(raw: Mapping[str, str]) -> str:
    """Return what speedups are over: what was asked for, or PyTorch where all accelerated backends compute."""
    if asked := raw["native"].strip():
        return names.check_backend_names([asked])[0]
    accelerated = [name for name in _names(raw["backends"]) if name != BEST]
    return native_for(names.check_backend_names(accelerated) if accelerated else ())


def native_for(accelerated: Collection[str]) -> str:
    """Return what speedups of accelerated backends are over where nobody has said it."""
    if NATIVE_CUDA in accelerated:  # so that both natives stand in one table
        return NATIVE
    return NATIVE_CUDA if accelerated and all(backend_entry(name).gpu for name in accelerated) else NATIVE


def _models(raw: Mapping[str, str], lenient: bool) -> tuple[UserModel, ...]:
    """Return the user's models; refuse one that has no PyTorch form if native is PyTorch."""
    models: list[UserModel] = []
    for text in split_models(raw["model"]):
        try:
            model = parse_model(text)
        except BadInput:
            if not lenient:
                raise
            continue
        if raw["native"].strip() in ("", NATIVE) and not model.has_torch_form:
            raise BadInput(no_torch_form(model.text))
        models.append(model)
    return tuple(models)


def _calibration(raw: Mapping[str, str], root: Path) -> str:
    """Return the absolute path of the samples, or an empty string; a relative path starts from the project's root."""
    if not raw["calibration"]:
        return ""
    if not raw["model"]:
        raise BadInput("--formfunc-calibration is for your own models: name them with --formfunc-model")
    return str(check_calibration(root / raw["calibration"]))


def _patterns(raw: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the patterns: by default all, or none if other forms were asked for."""
    given = _names(raw["patterns"])
    if given == ["all"]:
        return () if raw["model"] or raw["architectures"] else pattern_names()
    return names.check_patterns(given)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str, what: str) -> tuple[int, ...]:
    parts = [part for part in text.split(",") if part.strip()]
    if not parts:
        raise BadInput(f"no {what} is given: give whole numbers of at least 1, joined by commas")
    return tuple(dict.fromkeys(parse_positive_int(part, what=what) for part in parts))


def _number(text: str, what: str, *, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise BadInput(f"{what} {text!r} is out of range: give a whole number between {low} and {high}")
    return value


def _shard(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    index, slash, of = text.partition("/")
    if slash and index.strip().isdecimal() and of.strip().isdecimal() and 1 <= int(index) <= int(of) <= MOST_PARTS:
        return int(index), int(of)
    raise BadInput(
        f"shard {text!r} is not a part of a whole: write 3/8 for the third of eight, with at most {MOST_PARTS} parts"
    )


def _trials(text: str) -> tuple[str, ...]:
    """Return what to try: names of lints, ``threads``, ``engine`` for all engines, or backends by name."""
    if not text or text.strip() == "all":
        return TRIALS if text else ()
    return names.check_names(_names(text), (*TRIALS, *backend_names()[1:]), "lint or backend")


def _flag(text: str, what: str) -> bool:
    lowered = text.strip().lower()
    if lowered in ("", "0", "false", "no", "off"):
        return False
    if lowered in ("1", "true", "yes", "on"):
        return True
    raise BadInput(f"{what} {text!r} is neither yes nor no: write true or false")


def _reports(text: str) -> tuple[str, ...]:
    paths = tuple(dict.fromkeys(text.split("\n"))) if text else ()
    for path in paths:
        if not report_ending(path):
            raise BadInput(f"report {path!r} has no known ending: use {either(REPORT_FORMATS)}")
    return paths


def _slow_down(text: str) -> dict[str, float]:
    slow_down = {}
    for part in _names(text):
        name, _, fraction = part.partition("=")
        names.check_backend_names([name])
        slow_down[name] = parse_fraction(fraction, what="planted slow-down", high=10.0)
    return slow_down
