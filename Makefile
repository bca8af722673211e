# Two commands for a fresh machine: `make bench` measures, `make test` tests. Each makes the environment it needs.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: bench test check figures upstream clean

bench: $(STAMP)
	$(BIN)/pytest bench $(ARGS)

test: $(STAMP)
	$(BIN)/pytest tests pytest_formfunc --doctest-modules $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The performance claims; minutes each. docs/figures.md says which is which.
figures: $(STAMP)
	$(BIN)/pytest bench/test_overhead.py bench/test_fidelity.py bench/test_interference.py bench/test_layout.py \
	    bench/test_estimators.py bench/test_steadiness.py bench/test_gate_quality.py $(ARGS)

# pytest-benchmark's own tests, with and without this plugin installed: the same outcomes.
upstream: $(STAMP)
	tools/upstream_suite.sh $(BIN)/python

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[openvino,test,check]"
	touch $@

clean:
	rm -rf $(VENV) .formfunc_cache .pytest_cache .mypy_cache .ruff_cache *.egg-info
