# Two commands for a fresh machine: `make bench` measures, `make test` tests. Each makes the environment it needs.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: bench test check figures clean

bench: $(STAMP)
	$(BIN)/pytest bench $(ARGS)

test: $(STAMP)
	$(BIN)/pytest tests $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The performance claims: fidelity, interference, steadiness, cost. Minutes each; see docs/figures.md.
figures: $(STAMP)
	$(BIN)/pytest bench/test_fidelity.py bench/test_interference.py bench/test_layout.py bench/test_steadiness.py $(ARGS)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[openvino,test,check]"
	touch $@

clean:
	rm -rf $(VENV) .formfunc_cache .pytest_cache .mypy_cache .ruff_cache *.egg-info
