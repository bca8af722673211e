"""This process' share of the last-level cache, from files as the kernel writes them."""

import os

import pytest

from pytest_formfunc.host import CacheShare, cache_share, llc_bytes


@pytest.fixture
def kernel(tmp_path):
    """Return a function that writes the kernel's files, and the arguments that name them."""

    def write(shared="0-7", flags="fpu avx2", mask=None, tasks="1 2"):
        for index, (level, size, cores) in enumerate([(1, "32K", "0"), (3, "32M", shared), (2, "1024K", "0-1")]):
            folder = tmp_path / "cache" / f"index{index}"
            folder.mkdir(parents=True)
            (folder / "level").write_text(f"{level}\n")
            (folder / "size").write_text(f"{size}\n")
            (folder / "shared_cpu_list").write_text(f"{cores}\n")
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
        if mask:
            root = tmp_path / "resctrl"
            (root / "info" / "L3").mkdir(parents=True)
            (root / "info" / "L3" / "cbm_mask").write_text("ffff\n")
            (root / "schemata").write_text("    L3:0=ffff;1=ffff\n")
            (root / "mine").mkdir()
            (root / "mine" / "tasks").write_text(tasks.replace("own", str(os.getpid())))
            (root / "mine" / "schemata").write_text(f"    MB:0=100\n    L3:0={mask};1=ffff\n")
        return {"caches": tmp_path / "cache", "resctrl": tmp_path / "resctrl", "cpuinfo": tmp_path / "cpuinfo"}

    return write


def test_whole_cache_where_all_its_cores_are_ours(kernel):
    files = kernel()
    assert cache_share(**files, cores=8) == CacheShare(32 << 20, 32 << 20)
    assert llc_bytes(files["caches"]) == 32 << 20


def test_cores_that_are_not_ours_have_their_part(kernel):
    share = cache_share(**kernel(), cores=2)
    assert share == CacheShare(32 << 20, 8 << 20, ("8 cores share it, and this process may use 2",))


def test_the_kernels_allocation_limits_it(kernel):
    share = cache_share(**kernel(mask="000f", tasks="7\nown\n"), cores=8)
    assert (share.share_bytes, share.reasons) == (8 << 20, ("the kernel gives this process 25% of its ways (resctrl)",))


def test_an_allocation_of_others_does_not(kernel):
    assert cache_share(**kernel(mask="000f"), cores=8).reasons == ()


def test_virtual_machine_is_said(kernel):
    (reason,) = cache_share(**kernel(flags="fpu hypervisor avx2"), cores=8).reasons
    assert "virtual machine" in reason


def test_machine_that_says_nothing_is_unknown(tmp_path):
    nowhere = tmp_path / "none"
    assert cache_share(nowhere, nowhere, nowhere) == CacheShare(0, 0)
    (tmp_path / "index0").mkdir()
    (tmp_path / "index0" / "level").write_text("3")
    (tmp_path / "index0" / "size").write_text("large")
    assert llc_bytes(tmp_path) == 0
