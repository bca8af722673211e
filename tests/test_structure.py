"""The structure: who may import whom."""

import ast
from pathlib import Path

import pytest

import pytest_formfunc

ROOT = Path(pytest_formfunc.__file__).parent

# From the border down. A module may import from its own layer and from those below it.
LAYERS = [
    {"plugin", "cli"},
    {"report"},
    {"run"},
    {"gate"},
    {"revisions", "settings"},
    {"measure"},
    {"cases", "extensions", "calibration"},
    {"forms", "backends", "function", "parity", "host"},
    {"records"},
    {"stats"},
    {"units", "errors", "option_specs", "targets"},
]
MAY_IMPORT_PYTEST = {"plugin"}
MODULES = sorted(ROOT.rglob("*.py"))


def layer_of(name):
    return next(index for index, layer in enumerate(LAYERS) if name in layer)


def own_name(path):
    relative = path.relative_to(ROOT).with_suffix("")
    return relative.parts[0]


def imports(tree, *, everywhere):
    """Yield imported names; those under ``if TYPE_CHECKING`` shape nothing at run time and do not count."""
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            skipped |= set(map(id, ast.walk(node)))
    nodes = ast.walk(tree) if everywhere else iter(tree.body)
    for node in nodes:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__init__.py" or path.parent != ROOT],
                         ids=lambda path: str(path.relative_to(ROOT)))  # fmt: skip
def test_arrows_point_down(path):
    """No module imports from a layer above its own, inside functions either."""
    name = own_name(path)
    mine = layer_of(name)
    for imported in imports(ast.parse(path.read_text()), everywhere=True):
        if imported.startswith("pytest_formfunc."):
            other = imported.split(".")[1]
            assert layer_of(other) >= mine, f"{path.relative_to(ROOT)} imports {imported}, which is above it"
        if imported.split(".")[0] in ("pytest", "_pytest"):
            assert name in MAY_IMPORT_PYTEST, f"{path.relative_to(ROOT)} imports pytest"


@pytest.mark.parametrize("name", ["stats", "units", "errors"])
def test_the_lowest_layers_need_only_numpy(name):
    """Statistics are pure: the standard library and numpy."""
    import sys

    paths = [ROOT / f"{name}.py"] if (ROOT / f"{name}.py").is_file() else sorted((ROOT / name).glob("*.py"))
    for path in paths:
        for imported in imports(ast.parse(path.read_text()), everywhere=True):
            top = imported.split(".")[0]
            assert top in sys.stdlib_module_names or top in ("numpy", "pytest_formfunc"), f"{path} imports {imported}"


def test_every_module_has_a_layer():
    """A new top-level module has to find its place."""
    names = {own_name(path) for path in MODULES} - {"__init__"}
    assert names <= set().union(*LAYERS)
