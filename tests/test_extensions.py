"""Added entries are checked one by one; the code behind a target is digested."""

import pickle
import sys

import pytest

from pytest_formfunc import extensions
from pytest_formfunc.backends import BackendEntry, backend_entry, backend_names, distributions, preload_modules
from pytest_formfunc.errors import BadInput
from pytest_formfunc.extensions import KINDS, Extensions, Offer, gather
from pytest_formfunc.forms.architectures import ArchitectureEntry
from pytest_formfunc.forms.patterns import PatternEntry, check_width, pattern_names
from pytest_formfunc.host import describe_host
from pytest_formfunc.targets import digest_code, load_target

PATTERNS, ARCHITECTURES, BACKENDS = KINDS


class Mine(PatternEntry):
    pass


def test_offers_become_entries_in_their_order():
    """A single entry, a list, a tuple and an empty list are all accepted."""
    one, two = PatternEntry("one", "pkg.mod:One", 2), PatternEntry("two", "pkg.mod:Two")
    added = gather(
        [
            Offer(PATTERNS, "a", one),
            Offer(PATTERNS, "b", [two]),
            Offer(BACKENDS, "b", (BackendEntry("three", "pkg:Three"),)),
            Offer(ARCHITECTURES, "b", []),
        ]
    )
    assert added.patterns == (one, two)
    assert [entry.name for entry in added.backends] == ["three"]
    assert added.modules == ["pkg.mod", "pkg.mod", "pkg"]
    assert pickle.loads(pickle.dumps(added)) == added


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        (PATTERNS, "one", "a must give a list of PatternEntry, and gives 'one'"),
        (PATTERNS, [ArchitectureEntry("one", "pkg:One")], "a must give a list of PatternEntry, and gives Arch"),
        (PATTERNS, [Mine("one", "pkg:One")], r"and gives Mine\("),
        (PATTERNS, [PatternEntry("a,b", "pkg:One")], "pattern 'a,b' of a has an invalid name"),
        (PATTERNS, [PatternEntry("a[b]", "pkg:One")], "has an invalid name"),
        (PATTERNS, [PatternEntry("a@b", "pkg:One")], "has an invalid name"),
        (PATTERNS, [PatternEntry("a b", "pkg:One")], "has an invalid name"),
        (PATTERNS, [PatternEntry("a/b", "pkg:One")], "has an invalid name"),
        (PATTERNS, [PatternEntry("", "pkg:One")], "has an invalid name"),
        (PATTERNS, [PatternEntry("all", "pkg:One")], "and are not 'all'"),
        (PATTERNS, [PatternEntry(3, "pkg:One")], "its name is 3 and must be a string"),
        (PATTERNS, [PatternEntry("one", "pkg.One")], "its target is 'pkg.One' and must be written package.module:Class"),
        (PATTERNS, [PatternEntry("one", "pkg:One", 0)], "its width_multiple is 0 and must be at least 1"),
        (PATTERNS, [PatternEntry("one", "pkg:One", True)], "its width_multiple is True and must be a whole number"),
        (PATTERNS, [PatternEntry("plain", "pkg:One")], "'plain' is registered twice: plain:Plain of pytest-formfunc and "),
        (
            PATTERNS,
            [PatternEntry("one", "pkg:One"), PatternEntry("one", "pkg:Two")],
            "pattern 'one' is registered twice: pkg:One of a and pkg:Two of a",
        ),
        (ARCHITECTURES, [ArchitectureEntry("one", "pkg:One", side=0)], "its side is 0"),
        (ARCHITECTURES, [ArchitectureEntry("one", "pkg:One", params=1.5)], "its params is 1.5 and must be a whole numb"),
        (BACKENDS, [BackendEntry("one", "pkg:One", ("torch", 3))], "must be a tuple of strings"),
        (BACKENDS, [BackendEntry("one", "pkg:One", precision="fp32")], "its precision is 'fp32' and must be one of f32"),
        (BACKENDS, [BackendEntry("one", "pkg:One", memory="mine")], "its memory is 'mine' and must be one of libc, own"),
        (BACKENDS, [BackendEntry("native", "pkg:One")], "backend 'native' is registered twice"),
    ],
)  # fmt: skip
def test_an_invalid_entry_is_one_sentence(kind, given, sentence):
    """The message names the entry, who gave it, and what it must be."""
    with pytest.raises(BadInput, match=sentence):
        gather([Offer(kind, "a", given)])


def test_added_names_are_known_until_they_are_replaced():
    """This holds for names, widths, devices, distributions, versions and modules to preload."""
    before = pattern_names(), backend_names(), distributions()
    extensions.use(
        Extensions(
            (PatternEntry("one", "pkg:One", 3),),
            (),
            (BackendEntry("three", "pkg:Three", ("cloudpickle",), preload=("json",), devices=True),),
        )
    )
    try:
        assert pattern_names()[-1] == "one"
        check_width("one", 6)
        with pytest.raises(BadInput, match="pattern 'one' takes widths that are multiples of 3, not 4"):
            check_width("one", 4)
        assert backend_entry("three@GPU").device == "GPU"
        assert backend_entry("three").added
        assert backend_entry("three@GPU").added
        assert not backend_entry("native").added
        assert "cloudpickle" in describe_host(distributions())["versions"]
        assert "json" in preload_modules()
    finally:
        extensions.use(Extensions())
    assert (pattern_names(), backend_names(), distributions()) == before
    assert "cloudpickle" not in describe_host(distributions())["versions"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make a package whose module imports a module beside the package, and another one that nothing imports."""
    folder = tmp_path / "pkg_of_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "mod.py").write_text("def One():\n    from beside_of_test import two\n    return two\n")
    (tmp_path / "beside_of_test.py").write_text("two = 2\n")
    (tmp_path / "unrelated_of_test.py").write_text("three = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    load_target("pkg_of_test.mod:One", "it")
    yield tmp_path
    for name in ("pkg_of_test", "pkg_of_test.mod"):
        del sys.modules[name]


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("pkg_of_test/mod.py", True),
        ("pkg_of_test/__init__.py", True),
        ("pkg_of_test/new.py", True),
        ("beside_of_test.py", True),
        ("unrelated_of_test.py", False),
    ],
)
def test_the_digest_covers_the_package_and_what_it_imports_from_its_folder(package, file, changes):
    """A file in that folder that is not imported does not change the digest."""
    digest_code.cache_clear()
    before = digest_code("pkg_of_test.mod:One")
    (package / file).write_text("# changed\n")
    digest_code.cache_clear()
    assert (digest_code("pkg_of_test.mod:One") != before) == changes
