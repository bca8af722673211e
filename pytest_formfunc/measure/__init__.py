"""Measure latency: worker processes, rounds in turn, a clock."""
