"""Judge: saved baselines, comparison, verdicts."""
