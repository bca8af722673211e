"""Which operators of a network each step of an engine computes: operators and steps in rows that both sides can time.

An engine names some of the operators that it has fused into a step, and none of the steps that it has put in between.
What it does not name is matched only where one place is possible:

- A step that is a product (a convolution or a product of matrices) and names none computes the only one that feeds what
  it names through operators that no step names.
- The only product that is left is computed by the only such step that is left.
- Any other operator is computed where its result goes, if that is one place, or where its input comes from, if nothing
  else reads that. Where both are possible, the two rows are joined: nothing is guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Operator:
    """A call of an operator in the exported program.

    Attributes:
        name: of its node.
        kind: the operator, such as ``aten.conv2d.default``.
        module: path of the module that calls it; empty for the network itself.
        inputs: names of the nodes that it reads, weights among them.
        is_product: whether it convolves or multiplies matrices.
        is_free: whether it only gives another view of memory, or nothing new.
        is_constant: whether it reads nothing but weights, so that an engine may compute it once.
        macs: multiply-accumulates.
        made_bytes: of its outputs.
    """

    name: str
    kind: str
    module: str = ""
    inputs: tuple[str, ...] = ()
    is_product: bool = False
    is_free: bool = False
    is_constant: bool = False
    macs: int = 0
    made_bytes: int = 0


@dataclass(frozen=True)
class Step:
    """What an engine executes as one.

    Attributes:
        name: as the engine calls it.
        kernel: what executes it.
        operators: names of the operators that the engine says are in it.
        is_product: whether it convolves or multiplies matrices.
        precision: that it computes in; empty if unknown.
        layout: of its output in memory; empty if unknown.
        before: name of the step that reads its output, of one that names no operator; empty if unknown.
    """

    name: str
    kernel: str
    operators: tuple[str, ...] = ()
    is_product: bool = False
    precision: str = ""
    layout: str = ""
    before: str = ""


@dataclass
class Row:
    """Operators and the steps that compute them; either may be none, and then nothing matches it.

    Attributes:
        operators: in the order of the program.
        steps: in the order of execution.
        others: those of another engine, such as native, which compute the same operators.
    """

    operators: list[Operator] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    others: list[Step] = field(default_factory=list)

    @property
    def is_matched(self) -> bool:
        """Return whether both sides have it."""
        return bool(self.steps and self.others)

    @property
    def label(self) -> str:
        """Return the modules that it is in, with the operators that are the module's own code.

        >>> conv, act = Operator("c", "aten.conv2d.default", "a.conv"), Operator("r", "aten.relu.default", "a.act")
        >>> Row([conv, act]).label, Row([Operator("a", "aten.add.Tensor", "body.0")]).label
        ('a: conv, act', 'body.0: add')
        """
        if not self.operators:
            return ", ".join(step.name for step in (*self.steps, *self.others))
        telling = [one for one in self.operators if not one.is_free] or self.operators
        paths = [one.module.split(".") if one.module else [] for one in telling]
        shared = _common(paths)
        rests = (".".join(path[len(shared) :]) for path in paths)
        # What a module itself calls has no name of its own in it.
        parts = dict.fromkeys(rest or short(one.kind) for rest, one in zip(rests, telling, strict=True))
        return ": ".join(filter(None, (".".join(shared), ", ".join(parts))))


def short(kind: str) -> str:
    """Return an operator's name without namespace and overload.

    >>> short("aten.relu_.default"), short("<built-in function getitem>")
    ('relu', '<built-in function getitem>')
    """
    parts = kind.split(".")
    return parts[1].strip("_") if len(parts) > 2 else kind


def _common(paths: Sequence[Sequence[str]]) -> list[str]:
    """Return the beginning that all paths share."""
    shared: list[str] = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return shared


class _Graph:
    """The operators, who reads what, and which rows they are in."""

    def __init__(self, operators: Sequence[Operator], steps: Sequence[Step]) -> None:
        self.by_name = {one.name: one for one in operators}
        self.readers: dict[str, list[str]] = defaultdict(list)
        for one in operators:
            for name in one.inputs:
                self.readers[name].append(one.name)
        self.parent: dict[int, int] = {index: index for index in range(len(steps))}
        self.place: dict[str, int] = {}  # the number of a step, by the operator's name
        for index, step in enumerate(steps):
            for name in step.operators:
                if name in self.place:
                    self.join(self.place[name], index)
                elif name in self.by_name:
                    self.place[name] = index

    def root(self, index: int) -> int:
        while self.parent[index] != index:
            index = self.parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        self.parent[max(self.root(one), self.root(other))] = min(self.root(one), self.root(other))

    def sources(self, name: str) -> list[str]:
        """Return the operators that another one reads; weights and inputs of the network are none."""
        return [one for one in self.by_name[name].inputs if one in self.by_name]

    def reach(self, names: Iterable[str]) -> tuple[set[str], set[str]]:
        """Return the operators without a place that feed others through such operators, and the products of these.

        Products end the way: what feeds them is computed before.
        """
        passed: set[str] = set()
        products: set[str] = set()
        waiting = [source for name in names for source in self.sources(name)]
        while waiting:
            name = waiting.pop()
            if name in self.place or name in passed or name in products:
                continue
            if self.by_name[name].is_product:
                products.add(name)
                continue
            passed.add(name)
            waiting += self.sources(name)
        return passed, products

    def after(self, name: str, among: set[str]) -> set[str]:
        """Return those of some operators that an operator's result reaches through them."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for reader in self.readers[waiting.pop()]:
                if reader in among and reader not in found:
                    found.add(reader)
                    waiting.append(reader)
        return found

    def places_after(self, name: str) -> set[int] | None:
        """Return the rows that read an operator's result, through views too; None if one of these has no place for it.

        A product has none: engines compute other operators on what a product gives, not on what it reads.
        """
        found: set[int] = set()
        for reader in self.readers[name]:
            if self.by_name[reader].is_product and not self.by_name[name].is_constant:
                return None
            if reader in self.place:
                found.add(self.root(self.place[reader]))
            elif self.by_name[reader].is_free and (later := self.places_after(reader)) is not None:
                found |= later
            else:
                return None
        return found

    def place_before(self, name: str) -> set[int]:
        """Return the rows of which nothing else than this operator reads the result."""
        found: set[int] = set()
        for source in self.sources(name):
            owner = self.owner(source)
            if owner in self.place and self.only_reader(owner, name):
                found.add(self.root(self.place[owner]))
        return found

    def owner(self, name: str) -> str:
        """Return the operator whose result a view is of."""
        while self.by_name[name].is_free and name not in self.place and self.sources(name):
            name = self.sources(name)[0]
        return name

    def only_reader(self, name: str, reader: str) -> bool:
        """Return whether nothing but one operator reads another one's result, directly or through a view."""
        waiting = list(self.readers[name])
        while waiting:
            one = waiting.pop()
            if one == reader:
                continue
            if not self.by_name[one].is_free or one in self.place:
                return False
            waiting += self.readers[one]
        return True


def match(operators: Sequence[Operator], steps: Sequence[Step]) -> list[Row]:
    """Return the rows, each as fine as both sides can tell; in the program's order, steps without operators last.

    Args:
        operators: of the program, in its order.
        steps: of the engine, in the order of execution.
    """
    graph = _Graph(operators, steps)
    _place_products(graph, steps)
    _place_last_product(graph, steps)
    _place_others(graph, operators)
    rows: dict[int, Row] = {}
    alone: list[Row] = []
    for operator in operators:
        if operator.name in graph.place:
            rows.setdefault(graph.root(graph.place[operator.name]), Row()).operators.append(operator)
        else:
            alone.append(Row([operator]))
    for index, step in enumerate(steps):
        rows.setdefault(graph.root(index), Row()).steps.append(step)
    order = {operator.name: number for number, operator in enumerate(operators)}
    found = [*rows.values(), *alone]
    return sorted(found, key=lambda row: order[row.operators[0].name] if row.operators else len(order))


def match_both(operators: Sequence[Operator], steps: Sequence[Step], others: Sequence[Step]) -> list[Row]:
    """Return the rows of two engines side by side, each as fine as both can tell.

    Args:
        operators: of the program, in its order.
        steps: of one engine, in the order of execution.
        others: of the other one.
    """
    own, theirs = match(operators, steps), match(operators, others)
    parent = {one.name: one.name for one in operators}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for row in (*own, *theirs):
        for one in row.operators[1:]:
            parent[root(one.name)] = root(row.operators[0].name)
    rows: dict[str, Row] = {}
    for one in operators:
        rows.setdefault(root(one.name), Row()).operators.append(one)
    alone = []
    for row in own:
        into = rows[root(row.operators[0].name)] if row.operators else Row()
        into.steps += row.steps
        alone += [] if row.operators else [into]
    for row in theirs:
        into = rows[root(row.operators[0].name)] if row.operators else Row()
        into.others += row.steps
        alone += [] if row.operators else [into]
    return [*rows.values(), *alone]


def _place_products(graph: _Graph, steps: Sequence[Step]) -> None:
    """Give each step that is a product, and names none, the only one that can be in it."""
    for index, step in enumerate(steps):
        members = [name for name, place in graph.place.items() if graph.root(place) == graph.root(index)]
        if not step.is_product or not members or any(graph.by_name[name].is_product for name in members):
            continue
        passed, products = graph.reach(members)
        if len(products) == 1:
            (product,) = products
            for name in (product, *graph.after(product, passed)):
                graph.place[name] = index


def _place_last_product(graph: _Graph, steps: Sequence[Step]) -> None:
    """Join the only product that no step is known to compute, and the only step that is one of unknown operators."""
    owned = {graph.root(place) for place in graph.place.values()}
    unknown = [index for index, step in enumerate(steps) if step.is_product and graph.root(index) not in owned]
    waiting = [name for name, one in graph.by_name.items() if one.is_product and name not in graph.place]
    if len(unknown) == len(waiting) == 1:
        graph.place[waiting[0]] = unknown[0]


def _place_others(graph: _Graph, operators: Sequence[Operator]) -> None:
    """Give operators that no step names a row, as long as one more finds its own."""
    changed = True
    while changed:
        changed = False
        for operator in operators:
            name = operator.name
            if name in graph.place or operator.is_product:
                continue
            before = graph.place_before(name)
            after = graph.places_after(name)
            places = sorted(before | (after if after is not None and len(after) == 1 else set()))
            if operator.is_free:  # it takes no time: with what it is a view of, or what reads it
                sources = [graph.owner(one) for one in graph.sources(name)]
                places = [graph.place[one] for one in sources if one in graph.place][:1] or places[:1]
            if not places:
                continue
            for other in places[1:]:
                graph.join(places[0], other)
            graph.place[name] = places[0]
            changed = True
