"""Judge a run: read saved runs, compare with them or with another revision, and give verdicts."""
