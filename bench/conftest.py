"""`pytest bench/` is the matrix. The benches behind our own figures take long and run where they are named."""

collect_ignore = ["test_fidelity.py", "test_interference.py", "test_layout.py", "test_steadiness.py"]
