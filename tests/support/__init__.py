"""Shared helpers of the tests: users' projects, made-up records, small model files."""
