"""NVIDIA's cards as the driver describes them (NVML): which of them is used, what it is, and what slows it down.

NVML does not initialise CUDA, so a process that forks may ask it. It is read through ``nvidia-ml-py``, an extra.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from pytest_formfunc import cards_files
from pytest_formfunc.errors import MeasurementError

HOW_TO_INSTALL = 'nvidia-ml-py is not installed (pip install "pytest-formfunc[nvidia]")'

# Why a card's clock is below what was asked for, by bits of NVML (nvml.h, nvmlClocksEventReasons).
_REASONS = {
    0x0000000000000001: "idle",
    0x0000000000000002: "a clock that somebody has set",
    0x0000000000000004: "its power limit",
    0x0000000000000008: "a slow-down by the hardware",
    0x0000000000000010: "another card that it is synchronised with",
    0x0000000000000020: "heat, by the driver",
    0x0000000000000040: "heat, by the hardware",
    0x0000000000000080: "the power brake",
    0x0000000000000100: "a clock set for the display",
}
# Those that come and go with the state of the machine. A set clock and a power limit are the same in the next run.
_SLOWING = 0x08 | 0x20 | 0x40 | 0x80
# Functions of NVML that tell them: drivers before 535 lack the first, and the second is deprecated.
_ASK_REASONS = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
_PROHIBITED, _EXCLUSIVE = 2, 3  # nvmlComputeMode_t


@dataclass(frozen=True)
class Card:
    """A card, or a part of one that MIG has made.

    Attributes:
        uuid: the driver's name of it, unique in the world.
        name: the product, with the profile of the MIG instance where it is one.
        memory_bytes: its memory in bytes.
        capability: the compute capability, such as ``9.0``.
        parent: the card's UUID where this is a MIG instance; else empty.
    """

    uuid: str
    name: str
    memory_bytes: int
    capability: str
    parent: str = ""

    @property
    def is_part(self) -> bool:
        """Return whether it is a MIG instance."""
        return bool(self.parent)


@dataclass(frozen=True)
class Installed:
    """What the driver sees.

    Attributes:
        cards: in the order of the PCI bus; where MIG is on, the instances of a card in place of it.
        driver: the driver's version.
        cuda: the newest version of CUDA that it serves.
    """

    cards: tuple[Card, ...]
    driver: str
    cuda: str

    def chosen(self, order: str | None) -> tuple[Card, ...]:
        """Return the cards that CUDA sees, as ``CUDA_VISIBLE_DEVICES`` says.

        It lists numbers, or UUIDs that may be cut short, and everything from the first wrong entry on is ignored (CUDA
        Programming Guide, "CUDA Environment Variables"). Of instances made by MIG, CUDA uses one at a time.

        Args:
            order: the variable's value; None where it is not set.
        """
        if order is None:
            found = list(self.cards)
        else:
            found = []
            for entry in (part.strip() for part in order.split(",")):
                card = self._named(entry)
                if card is None or card in found:
                    break
                found.append(card)
        parts = [card for card in found if card.is_part]
        return tuple(parts[:1] if parts else found)

    def _named(self, entry: str) -> Card | None:
        if entry.isdecimal():
            places = list(dict.fromkeys(card.parent or card.uuid for card in self.cards))
            if int(entry) >= len(places):
                return None
            place = places[int(entry)]
            return next(card for card in self.cards if place in (card.uuid, card.parent))
        if len(entry) < len("GPU-") or not entry.startswith(("GPU-", "MIG-")):
            return None
        found = [card for card in self.cards if card.uuid.startswith(entry) or (card.parent or "-").startswith(entry)]
        return found[0] if len({card.parent or card.uuid for card in found}) == 1 else None


@dataclass(frozen=True)
class State:
    """What a card does at a moment.

    Attributes:
        sm_mhz: clock of its multiprocessors in MHz.
        power_w: power in watts; 0 where it does not say.
        reasons: why its clock is below what was asked for, as NVML's bits.
    """

    sm_mhz: float
    power_w: float
    reasons: int


def words_for(reasons: int) -> str:
    """Return in words why a clock is low; being idle is no reason.

    >>> words_for(0x24)
    'its power limit, heat, by the driver'
    """
    return ", ".join(words for bit, words in _REASONS.items() if reasons & bit and bit != 1)


def is_slowed(reasons: int) -> bool:
    """Return whether a card is slowed down by what comes and goes: heat, the power brake, the hardware itself."""
    return bool(reasons & _SLOWING)


def key_of(identity: Mapping[str, Any]) -> str:
    """Return eight characters that artifacts made for one kind of card, driver and CUDA have in their name."""
    if not identity:
        return "none"
    return hashlib.sha256(json.dumps(dict(identity), sort_keys=True).encode()).hexdigest()[:8]


def why_wrong_mode(mode: int, name: str) -> str | None:
    """Return a clause that says why a card cannot be used in a compute mode, as NVML numbers it, or None."""
    if mode == _PROHIBITED:
        return f"{name} is in compute mode 'prohibited': nvidia-smi --compute-mode=DEFAULT lets programs use it"
    if mode == _EXCLUSIVE:
        return (
            f"{name} is in compute mode 'exclusive process', where native and the accelerated engine cannot take turns "
            "in processes of their own: set nvidia-smi --compute-mode=DEFAULT"
        )
    return None


def why_too_old(driver: str, serves: str, torch_cuda: str) -> str | None:
    """Return a clause that says why a driver cannot run a build of torch, or None.

    Within one major version of CUDA an older driver will do (CUDA Compatibility, "Minor Version Compatibility").

    >>> why_too_old("550.54", "12.4", "13.0")
    "NVIDIA's driver 550.54 serves CUDA 12.4 and this torch needs CUDA 13: install a newer driver, or torch for CUDA 12"
    >>> why_too_old("550.54", "12.4", "12.8")
    """
    major, wanted = serves.partition(".")[0], torch_cuda.partition(".")[0]
    if not (major.isdecimal() and wanted.isdecimal()) or int(major) >= int(wanted):
        return None
    return (
        f"NVIDIA's driver {driver} serves CUDA {serves} and this torch needs CUDA {wanted}: install a newer driver, or "
        f"torch for CUDA {major}"
    )


def notes_on(chosen: Sequence[Card], others: Sequence[int]) -> list[str]:
    """Return sentences about what a user should know of the cards before a run.

    Args:
        chosen: the cards that CUDA sees.
        others: process numbers of those that compute on the first.
    """
    notes = []
    if others:
        listed = ", ".join(map(str, sorted(others)[:4])) + ", ..." * (len(others) > 4)
        several = len(others) > 1
        notes.append(
            f"{len(others)} other process{'es' * several} computed on {chosen[0].name} as the run began ({listed}): "
            "its latencies are those of a shared card"
        )
    kinds = list(dict.fromkeys(card.name for card in chosen))
    if len(kinds) > 1:
        notes.append(
            f"{len(chosen)} cards of {len(kinds)} kinds are visible ({', '.join(kinds)}): the first is measured, and "
            "CUDA_VISIBLE_DEVICES chooses another"
        )
    return notes


@contextmanager
def _nvml() -> Iterator[Any]:
    """Open NVML.

    Raises:
        MeasurementError: the extra or the driver's library is missing; the message is a clause.
    """
    try:
        import pynvml
    except ImportError:
        raise MeasurementError(HOW_TO_INSTALL) from None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise MeasurementError(f"NVIDIA's driver does not answer ({error})") from None
    try:
        yield pynvml
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def installed() -> Installed:
    """Return what the driver sees.

    Raises:
        MeasurementError: the extra or the driver's library is missing, or the driver fails.
    """
    with _nvml() as nvml:
        try:
            cards = [card for index in range(nvml.nvmlDeviceGetCount()) for card in _cards_at(nvml, index)]
            number = nvml.nvmlSystemGetCudaDriverVersion_v2()
            return Installed(tuple(cards), nvml.nvmlSystemGetDriverVersion(), f"{number // 1000}.{number % 1000 // 10}")
        except nvml.NVMLError as error:
            raise MeasurementError(f"NVIDIA's driver does not describe its cards ({error})") from None


def _cards_at(nvml: Any, index: int) -> list[Card]:
    whole = nvml.nvmlDeviceGetHandleByIndex(index)
    capability = ".".join(map(str, nvml.nvmlDeviceGetCudaComputeCapability(whole)))
    uuid = nvml.nvmlDeviceGetUUID(whole)
    parts = []
    for part in _parts_of(nvml, whole):
        memory = nvml.nvmlDeviceGetMemoryInfo(part).total
        parts.append(Card(nvml.nvmlDeviceGetUUID(part), nvml.nvmlDeviceGetName(part), memory, capability, uuid))
    if parts:
        return parts
    memory = nvml.nvmlDeviceGetMemoryInfo(whole).total
    return [Card(uuid, nvml.nvmlDeviceGetName(whole), memory, capability)]


def _parts_of(nvml: Any, whole: Any) -> list[Any]:
    """Return the handles of a card's MIG instances; none where MIG is off or unknown to it."""
    try:
        if not nvml.nvmlDeviceGetMigMode(whole)[0]:
            return []
    except nvml.NVMLError:
        return []
    found = []
    for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(whole)):
        with contextlib.suppress(nvml.NVMLError):  # there is no instance of this number
            found.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(whole, number))
    return found


@functools.cache
def describe() -> dict[str, Any]:
    """Return what must be equal before figures of two runs on a card are compared, as JSON; empty without NVML.

    That are the name of the card that CUDA uses first (or of its MIG instance), its memory, compute capability, how
    many cards CUDA sees, the driver and its CUDA.
    """
    try:
        found = installed()
    except MeasurementError:
        return {}
    return identity_of(found, os.environ.get("CUDA_VISIBLE_DEVICES"))


def identity_of(found: Installed, order: str | None) -> dict[str, Any]:
    """Return what `describe` does, of what a driver sees and the value of ``CUDA_VISIBLE_DEVICES``."""
    cards = found.chosen(order)
    if not cards:
        return {}
    first = {name: value for name, value in asdict(cards[0]).items() if name not in ("uuid", "parent")}
    return {**first, "mig": cards[0].is_part, "cards": len(cards), "driver": found.driver, "cuda": found.cuda}


def identity() -> dict[str, Any]:
    """Return what `describe` does or, without NVML, what else tells the card that CUDA uses first from others."""
    return describe() or cards_files.identity(os.environ.get("CUDA_VISIBLE_DEVICES"))


def why_unusable(torch_cuda: str) -> str | None:
    """Return a clause that says why no process can use the first card with this torch, or None if nothing is known.

    Args:
        torch_cuda: the version of CUDA that torch was built for.
    """
    with contextlib.suppress(MeasurementError):
        try:
            found = installed()
        except MeasurementError:  # without NVML the driver's library still says what it serves
            driver, serves = cards_files.driver(), cards_files.served_cuda()
            return why_too_old(driver.strip() or "(unknown)", serves, torch_cuda)
        if (reason := why_too_old(found.driver, found.cuda, torch_cuda)) is not None:
            return reason
        with _first() as (nvml, handle, card), contextlib.suppress(nvml.NVMLError):
            return why_wrong_mode(nvml.nvmlDeviceGetComputeMode(handle), card.name)
    return None


def notes() -> list[str]:
    """Return sentences about what a user should know of the cards; none where NVML is missing.

    Ask before a run's own processes use the card: in a container they cannot be told from others.
    """
    with contextlib.suppress(MeasurementError):
        chosen = installed().chosen(os.environ.get("CUDA_VISIBLE_DEVICES"))
        with _first() as (nvml, _, card):
            others: list[int] = []
            # A driver that is older than this function is a mismatch, which is no NVMLError. Of a MIG instance its own
            # processes are asked for, not those of the whole card.
            with contextlib.suppress(nvml.NVMLError, nvml.NVMLLibraryMismatchError):
                used = nvml.nvmlDeviceGetHandleByUUID(card.uuid)
                others = [process.pid for process in nvml.nvmlDeviceGetComputeRunningProcesses(used)]
            return notes_on(chosen, others)
    return []


@contextmanager
def _first() -> Iterator[tuple[Any, Any, Card]]:
    """Open NVML, and the whole card that CUDA uses first.

    Raises:
        MeasurementError: there is none, or NVML is missing.
    """
    cards = installed().chosen(os.environ.get("CUDA_VISIBLE_DEVICES"))
    if not cards:
        raise MeasurementError("no NVIDIA card is visible")
    with _nvml() as nvml:
        try:
            handle = nvml.nvmlDeviceGetHandleByUUID(cards[0].parent or cards[0].uuid)
        except nvml.NVMLError as error:
            raise MeasurementError(f"NVIDIA's driver does not find {cards[0].name} again ({error})") from None
        yield nvml, handle, cards[0]


def watch() -> Callable[[], State | None]:
    """Return a function that reads the state of the first card, for as long as this process lives.

    It returns None where NVML is missing, or where the card does not say its clock. A reading takes well under a
    millisecond, and the card does no work for it.
    """
    stack = contextlib.ExitStack()
    try:
        nvml, handle, _ = stack.enter_context(_first())
    except MeasurementError:
        return lambda: None

    def read(opened: contextlib.ExitStack = stack) -> State | None:  # which keeps NVML open
        del opened
        try:
            clock = nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)
        except nvml.NVMLError:
            return None
        power, bits = 0.0, 0
        with contextlib.suppress(nvml.NVMLError):
            power = nvml.nvmlDeviceGetPowerUsage(handle) / 1000
        for name in _ASK_REASONS:
            with contextlib.suppress(nvml.NVMLError, AttributeError):
                bits = getattr(nvml, name)(handle)
                break
        return State(float(clock), power, bits)

    return read
