"""Jobs of a worker that only ask: which forms and backends there are, whether files load, what the machine is."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from typing import Any

from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.host import describe_host
from pytest_formfunc.measure.isolation import check_whose_code
from pytest_formfunc.measure.protocol import Failure, Job, Line


def survey(connection: Line, job: Job) -> None:
    """Answer which forms this side has: ``{"pattern:NAME": None, "pkg.mod:factory": why it is unavailable, or None}``.

    A key that is left out does not exist on this side, which is not a fault.
    """
    answer: dict[str, str | None] = {}
    try:
        from pytest_formfunc.forms.patterns import pattern_names

        answer |= {f"pattern:{name}": None for name in pattern_names()}
        from pytest_formfunc.forms.architectures import architecture_names

        answer |= {f"architecture:{name}": None for name in architecture_names()}
    except Exception as error:  # noqa: BLE001 - the other revision's code may raise anything
        answer["pattern:"] = Failure.of(error).reason
    # Added entries come from the run itself; for those in use, the loop checks whether their targets exist here.
    added = {f"pattern:{entry.name}": entry.target for entry in job.extensions.patterns}
    added |= {f"architecture:{entry.name}": entry.target for entry in job.extensions.architectures}
    answer = {key: reason for key, reason in answer.items() if key not in added}
    for key in job.payload["targets"]:
        module_name, _, attribute = added.get(key, key).partition(":")
        try:
            if importlib.util.find_spec(module_name) is None:
                continue
        except ModuleNotFoundError:
            continue  # a parent package does not exist
        except Exception as error:  # noqa: BLE001
            answer[key] = Failure.of(error).reason
            continue
        try:
            if hasattr(importlib.import_module(module_name), attribute):
                check_whose_code(job.workspace)
                answer[key] = None
        except BaseException as error:  # noqa: BLE001 - a module may call sys.exit when it is imported
            answer[key] = Failure.of(error).reason
    connection.send(answer)


def probe(connection: Line, job: Job) -> None:
    """Answer which backends can be used: ``{backend: why it is unavailable, or None}``."""
    from pytest_formfunc.backends import backend_entry

    answer: dict[str, str | None] = {}
    for name in job.payload["backends"]:
        try:
            entry = backend_entry(name)
            answer[name] = entry.why_not_installed() or entry.make(job.threads).why_unavailable()
        except Exception as error:  # noqa: BLE001 - after any error the engine cannot be used
            answer[name] = f"it does not load here ({Failure.of(error).reason})"
    connection.send(answer)


def load(connection: Line, job: Job) -> None:
    """Answer which exported programs do not load: ``{path: why}``."""
    answer: dict[str, str] = {}
    for source in job.payload["sources"]:
        try:
            source.check_loads()
        except FormfuncError as error:
            answer[source.path] = str(error)
    connection.send(answer)


def devices(connection: Line, job: Job) -> None:
    """Answer what backends tell of their devices beside the processor: ``{backend: facts of each}``."""
    from pytest_formfunc.backends import backend_entry

    answer: dict[str, tuple[dict[str, Any], ...]] = {}
    for name in job.payload["backends"]:
        with contextlib.suppress(Exception):  # a backend that cannot be used says so itself
            answer[name] = backend_entry(name).make(job.threads).devices()
    connection.send(answer)


def host(connection: Line, job: Job) -> None:
    """Answer with a description of the machine and of this side's package versions."""
    from pytest_formfunc.backends import distributions

    del job
    connection.send(describe_host(distributions()))
