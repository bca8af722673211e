"""`pytest bench/` is the matrix. The benches behind our own figures take long and run where they are named."""

from pathlib import Path

SUITE = {"test_forms.py"}
collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name not in SUITE]
