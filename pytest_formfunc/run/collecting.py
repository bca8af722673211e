"""Turn what was measured of a case into records and failures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pytest_formfunc.allocator import allocator_name
from pytest_formfunc.backends import distributions
from pytest_formfunc.cases import Case
from pytest_formfunc.host import describe_host
from pytest_formfunc.measure.assemble import assemble_record
from pytest_formfunc.records import Key
from pytest_formfunc.results import Results
from pytest_formfunc.run.stages import Measured


def collect(case: Case, measured: Measured, results: Results, settled: Collection[Key], threads: int) -> None:
    """Put the records and failures of this side of a case into the results.

    Args:
        case: the case.
        measured: what was measured of it so far.
        results: what the run has found, which this changes.
        settled: cases and backends whose tests have reported: their figures do not change later.
        threads: number of threads of each engine.
    """
    measurement = measured.measurer.result
    for participant, reason in measurement.failures.items():
        if not participant.here or (case.id, participant.backend) in settled:
            continue  # a failure on the other side is part of the verdict
        results.failures[case.id, str(participant)] = reason
        if not participant.keeps:  # one with memory kept fails no test, and is told
            results.records.pop((case.id, participant.backend), None)
    host = {**describe_host(distributions()), "allocator": allocator_name()}
    for participant, series in measurement.series.items():
        if not series.launches:  # it was interrupted before the first one ended
            continue
        if not participant.here or participant.keeps or (case.id, participant.backend) in settled:
            continue
        record = assemble_record(case, participant, measurement, measured.here.prepared, host, threads)
        record = replace(record, observations=measured.observations.get(participant.backend, {}))
        if before := results.records.get(record.key):  # further launches for another backend keep the verdict
            record = replace(record, verdict=before.verdict, against=before.against)
        results.records[record.key] = record
        results.spent.worker_peak_bytes = max(results.spent.worker_peak_bytes, series.peak_rss_bytes)
