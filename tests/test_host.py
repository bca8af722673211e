import math
import os

import pytest

from pytest_formfunc.host import (
    _cgroup_quota_cores,
    allowed_cores,
    describe_host,
    differences,
    fingerprint,
    version_changes,
)


def test_cores_follow_the_affinity_of_this_process():
    """Cores are those that the scheduler allows, not all that the machine has."""
    allowed = os.sched_getaffinity(0)
    before = allowed_cores()
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert allowed_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert allowed_cores() == before <= len(allowed)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, math.inf),
        ({"cpu.max": "max 100000"}, math.inf),
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"pod/cpu.max": "400000 100000", "pod/job/cpu.max": "200000 100000"}, 2.0),
        ({"cpu.max": "100000 100000", "pod/job/cpu.max": "max 100000"}, 1.0),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3.0),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
    ],
)
def test_the_smallest_quota_of_a_cgroup_and_those_above_it_limits_the_cores(tmp_path, files, cores):
    """This holds for cgroup v2 and v1."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    membership = tmp_path / "membership"
    membership.write_text("0::/pod/job\n")
    assert _cgroup_quota_cores(tmp_path, membership) == cores


def test_the_fingerprint_depends_on_the_machine_and_not_on_its_software():
    """Runs are compared across an upgraded library, but not across CPUs or core counts."""
    host = describe_host()
    upgraded = {**host, "versions": {**host["versions"], "numpy": "9999.0"}}
    elsewhere = {**host, "cores": host["cores"] + 1}
    assert fingerprint(upgraded) == fingerprint(host)
    assert fingerprint(elsewhere) != fingerprint(host)
    assert differences(elsewhere, host) == [f"cores {host['cores'] + 1} then, {host['cores']} now"]
    (change,) = version_changes(upgraded, host)
    assert change.startswith("numpy 9999.0 -> ")
