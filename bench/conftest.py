"""`pytest bench/` measures the matrix. Benches behind the figures in docs take long and run only if they are named."""

from pathlib import Path

SUITE = {"test_forms.py"}
collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name not in SUITE]
