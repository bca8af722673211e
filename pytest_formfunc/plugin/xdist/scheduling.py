"""Which worker runs which tests: all tests of a case on one, and every other test as ``--dist`` says."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

if TYPE_CHECKING:
    import pytest


class CaseScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """xdist's scheduler by scope, where the scope of a test that measures is its case; ids stay as they are.

    Ordinary tests come first, so that they run side by side as always and no measurement waits in between.
    """

    def __init__(self, config: pytest.Config, log: Any, groups: Mapping[str, str]) -> None:
        """Take what each test that measures shares a worker for, by the test's id."""
        super().__init__(config, log)
        self._groups = groups
        self._of_ordinary = _SCOPES.get(config.getvalue("dist"), _of_test)
        self._is_sorted = False
        self._crashes: Counter[str] = Counter()
        self.workqueue: OrderedDict[str, Any]

    def remove_node(self, node: Any) -> str | None:
        """Give a lost worker's tests to others; the one that it ran is tried once more, not again and again.

        Returns:
            The test that it ran, or None if it had none left.
        """
        workload: dict[str, dict[str, bool]] = self.assigned_work.pop(node)
        left = [test for unit in workload.values() for test, ended in unit.items() if not ended]
        if not left:
            return None
        self._crashes[left[0]] += 1
        for scope, unit in workload.items():
            if left[0] in unit and self._crashes[left[0]] > 1:
                unit[left[0]] = True
            if not all(unit.values()):
                self.workqueue[scope] = unit
        for other in self.assigned_work:
            self._reschedule(other)
        return left[0]

    def _reschedule(self, node: Any) -> None:
        """Give a worker more to do; one that replaces a lost one and has not collected yet gets its part later."""
        if node in self.registered_collections:
            super()._reschedule(node)

    def _split_scope(self, nodeid: str) -> str:
        group = self._groups.get(nodeid)
        return self._of_ordinary(nodeid) if group is None else f"formfunc {group}"

    def _assign_work_unit(self, node: Any) -> None:
        if not self._is_sorted:
            self._is_sorted = True
            measuring = {self._split_scope(test) for test in self._groups}
            units: list[tuple[str, Any]] = [*self.workqueue.items()]
            self.workqueue = OrderedDict(sorted(units, key=lambda unit: unit[0] in measuring))
        # A worker that has just died refuses what it is sent. Its tests count as its own until xdist hears of its
        # end and asks `remove_node` for them; the error would end the whole run.
        with suppress(OSError):
            super()._assign_work_unit(node)


def _of_test(nodeid: str) -> str:
    return nodeid


_SCOPES: dict[str, Callable[[str], str]] = {
    "loadscope": lambda nodeid: nodeid.rsplit("::", 1)[0],
    "loadfile": lambda nodeid: nodeid.split("::", 1)[0],
    # xdist's own rule for the groups that its marker adds to the ids
    "loadgroup": lambda nodeid: nodeid.split("@")[-1] if nodeid.rfind("@") > nodeid.rfind("]") else nodeid,
}


class Choice:
    """The usual scheduler of ``--dist`` until it is known what was collected; then ours if any test measures."""

    def __init__(self, config: pytest.Config, log: Any, usual: Any, groups: Mapping[str, str]) -> None:
        """Take the usual scheduler, and where the groups of tests that measure will be."""
        self._config = config
        self._log = log
        self._chosen = usual
        self._is_open = True
        self._groups = groups
        self._collections: list[tuple[Any, Sequence[str]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chosen, name)

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """Add the tests that a worker has collected."""
        if self._is_open:
            self._collections.append((node, collection))
        self._chosen.add_node_collection(node, collection)

    def schedule(self) -> None:
        """Distribute the tests."""
        if self._is_open and self._groups:
            ours = CaseScheduling(self._config, self._log, self._groups)
            for node in self._chosen.nodes:
                ours.add_node(node)
            for node, collection in self._collections:
                if node in ours.nodes:
                    ours.add_node_collection(node, collection)
            self._chosen = ours
        self._is_open = False
        self._chosen.schedule()
