"""The job of a worker that observes: load a participant, and let instruments look at it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.allocator import keep_freed_memory
from pytest_formfunc.backends import backend_entry
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.host import cache_share, memory_limit
from pytest_formfunc.measure.given_inputs import GivenInputs
from pytest_formfunc.measure.instruments import INSTRUMENTS
from pytest_formfunc.measure.instruments.base import Subject, Timer
from pytest_formfunc.measure.isolation import check_whose_code
from pytest_formfunc.measure.torch_settings import set_threads_again

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_formfunc.backends.base import Engine
    from pytest_formfunc.forms.sources import Source
    from pytest_formfunc.measure.protocol import Job, Line


def load_participant(
    engine: str, source: Source, artifact: str, half: str | None, seed: int, threads: int, folder: Path | None = None
) -> tuple[Engine, GivenInputs]:
    """Load an engine's artifact and give it the inputs of a seed.

    Args:
        engine: name of the engine.
        source: the source of the network.
        artifact: the file that the engine has prepared.
        half: the half precision that operators of the module compute in, as native's artifact has it.
        seed: of the inputs.
        threads: number of threads of the engine.
        folder: what launches leave to later ones; None for nothing.
    """
    made = backend_entry(engine).make(threads)
    made.half = half
    made.shared_folder = folder
    made.load(source, Path(artifact))
    return made, GivenInputs(made, [source.inputs(seed)])


def observe(connection: Line, job: Job, warm_up: Callable[[Timer], object]) -> None:
    """Answer with what each instrument sees in this process, or why it cannot."""
    payload = job.payload
    if payload["keep_memory"]:
        keep_freed_memory()

    def load(source: Source, artifact: str, half: str | None) -> tuple[Engine, Timer]:
        engine, given = load_participant(
            payload["engine"], source, artifact, half, payload["seed"], job.threads, Path(payload["folder"])
        )
        engine.call()
        given.note_overwritten()
        set_threads_again(job.threads)
        timer = given.timer(engine.time_call)
        warm_up(timer)
        return engine, timer

    def load_product() -> Timer:
        other, timer = load(*product)
        return lambda: timer() // other.inferences

    own, product = payload["own"], payload["product"]
    engine, timer = load(*own)
    check_whose_code(job.workspace)
    free = memory_limit()
    subject = Subject(
        timer=timer,
        load_again=lambda: load(*own)[1],
        load_product=None if product is None else load_product,
        build=own[0].build,
        batches=engine.inferences,
        threads=job.threads,
        cost=payload["cost"],
        cache=cache_share(),
        free_bytes=None if free is None else free.bytes,
        profiler=engine.profiler,
        folder=Path(payload["folder"]),
        recipe={
            "engine": payload["engine"],
            "seed": payload["seed"],
            **dict(zip(("source", "artifact", "half"), own, strict=True)),
        },
    )
    for name in payload["instruments"]:
        subject.earlier = payload["earlier"].get(name)
        connection.send(look(name, subject, on_card=bool(engine.card())))


def look(name: str, subject: Subject, *, on_card: bool) -> dict[str, Any]:
    """Return what an instrument has seen of a participant (``seen``), or why it could not look (``unavailable``).

    Args:
        name: of the instrument.
        subject: the participant.
        on_card: whether it computes on a graphics card.
    """
    instrument = INSTRUMENTS.entry(name).make()
    if on_card and instrument.of_processors:
        return {"unavailable": "it looks at the processor, and this engine computes on a card"}
    try:
        return {"seen": instrument.observe(subject)}
    except MeasurementError as error:
        return {"unavailable": str(error)}
