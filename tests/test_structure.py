"""The structure: which part may import which, type-only imports and those inside functions included.

`python tests/test_structure.py [FOLDER]` prints the levels, parts and arrows (imports between parts) of a package.
"""

import ast
import functools
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "pytest_formfunc"

# From the border down. A part (a folder or a file of the package) imports from the layers below its own. The order is
# that of ARCHITECTURE.md.
LAYERS = [
    {"cli", "plugin"},
    {"issue", "run"},
    {"gate", "report", "revisions"},
    {"marker", "measure", "settings"},
    {"extensions", "names"},
    {"backends", "calibration", "cases", "policy"},
    {"fitness", "forms", "journal", "parity", "results"},
    {"records"},
    {"function", "json_reading"},
    {"cards", "paths", "registry", "targets", "units"},
    {"allocator", "cards_files", "clock", "errors", "host", "option_specs", "output", "stats", "text"},
]
MAY_IMPORT_PYTEST = {"plugin"}
# What only makes the package's public names known, or starts it, belongs to no layer.
NO_PART = {"__init__"}


def part_of(path, root=ROOT):
    return path.relative_to(root).with_suffix("").parts[0]


@functools.cache
def syntax(path):
    return ast.parse(path.read_text())


@functools.cache
def imported_modules(path):
    """Return every module that a file imports, wherever in the file, for types only too."""
    return [*_imported_modules(path)]


def _imported_modules(path):
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} has a relative import, which hides its arrow"
            if node.module == "pytest_formfunc":
                yield from (f"pytest_formfunc.{alias.name}" for alias in node.names)
            else:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def arrows(root=ROOT):
    """Return which parts each part imports from, and by which files."""
    found = defaultdict(lambda: defaultdict(set))
    for path in sorted(root.rglob("*.py")):
        part = part_of(path, root)
        if part in NO_PART:
            continue
        found[part]  # a part without imports counts too
        for module in imported_modules(path):
            other = module.split(".")[1] if module.startswith("pytest_formfunc.") else part
            if other != part and not other.startswith("__"):
                found[part][other].add(str(path.relative_to(root)))
    return found


def levels(found):
    """Return each part's level: 1 if it imports no other part, else one above the highest that it imports.

    Parts that import each other in a circle are given a level too.
    """
    height = dict.fromkeys(found, 1)
    for _ in found:
        for part, others in found.items():
            above = [height[other] + (part not in found[other]) for other in others]
            height[part] = max([height[part], *above])
    return height


def test_every_part_has_a_layer():
    """A new part needs a layer, and a part that is removed leaves the list."""
    assert set(arrows()) == set().union(*LAYERS)


@pytest.mark.parametrize("part", sorted(set().union(*LAYERS)))
def test_arrows_point_down(part):
    """A part imports only from the layers below its own."""
    layer = {name: index for index, names in enumerate(LAYERS) for name in names}
    for other, files in arrows()[part].items():
        assert layer[other] > layer[part], f"{sorted(files)} import {other}, which is not below {part}"


def test_the_map_has_these_layers():
    """ARCHITECTURE.md lists the same parts, layer by layer."""
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", (ROOT.parent / "ARCHITECTURE.md").read_text(), re.MULTILINE)
    parts = [set(re.findall(r"`(\w+)(?:/|\.py)`", names)) for _, names in rows]
    assert parts == LAYERS
    assert [int(number) for number, _ in rows] == [*range(len(LAYERS), 0, -1)]


def test_the_levels_are_the_layers():
    """There are as many levels as the list above has layers: eleven."""
    assert max(levels(arrows()).values()) == len(LAYERS) == 11


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_border_knows_pytest(path):
    """Whatever measures, judges and reports runs without pytest."""
    tops = {module.split(".")[0] for module in imported_modules(path)}
    assert part_of(path) in MAY_IMPORT_PYTEST or not tops & {"pytest", "_pytest", "pytest_benchmark"}


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_one_idea(path):
    """About 400 lines is the most that one idea needs."""
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("name", ["stats", "units", "errors", "json_reading"])
def test_the_lowest_layers_need_only_numpy(name):
    """Statistics are pure: the standard library and numpy."""
    paths = [ROOT / f"{name}.py"] if (ROOT / f"{name}.py").is_file() else sorted((ROOT / name).glob("*.py"))
    for path in paths:
        for module in imported_modules(path):
            top = module.split(".")[0]
            assert top in sys.stdlib_module_names or top in ("numpy", "pytest_formfunc"), f"{path} imports {module}"


@pytest.mark.parametrize("part", ["function", "gate", "report", "stats"])
def test_what_judges_and_reports_starts_no_process(part):
    """Processes are started by what measures and by what checks the other revision out."""
    for path in sorted((ROOT / part).glob("*.py")):
        started = {"subprocess", "multiprocessing", "pytest_formfunc.measure.workers", "pytest_formfunc.run"}
        assert not started & set(imported_modules(path)), path


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_run_is_finished_when_it_is_constructed(path):
    """Nothing sets its fields from outside."""
    targets = [
        target
        for node in ast.walk(syntax(path))
        for target in (node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)])
    ]
    owners = [target.value for target in targets if isinstance(target, ast.Attribute)]
    assert not [one for one in owners if getattr(one, "id", getattr(one, "attr", "")) in ("run", "_run")]


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    drawn = arrows(folder)
    height = levels(drawn)
    for level in range(max(height.values()), 0, -1):
        print(f"level {level:2}: {', '.join(sorted(part for part in height if height[part] == level))}")
    back = [(part, other) for part, others in drawn.items() for other in others if height[other] >= height[part]]
    print(
        f"{max(height.values())} levels, {len(drawn)} parts, {sum(map(len, drawn.values()))} arrows, {len(back)} back"
    )
