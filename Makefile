# Two commands for a fresh machine: `make bench` measures, `make test` tests. Each makes the environment it needs.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.installed-bench
QUICK_STAMP := $(VENV)/.installed-quick
INSTALL = $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable
ARGS ?=
# Tests that may have others beside them are spread over processes; one has a few hundred MB.
SIDE_BY_SIDE ?= auto
# A choice of tests may leave one of the two runs without any.
NONE_IS_FINE := $(if $(ARGS),|| test $$? -eq 5)

EVERYTHING := tests pytest_formfunc --doctest-modules
# What does not import for want of torch has no doctest to run.
WITHOUT_ENGINES := $(EVERYTHING) --doctest-ignore-import-errors
SPREAD := -n $(SIDE_BY_SIDE) --dist worksteal

.PHONY: bench test quick bare check docs figures gpu fuzz upstream clean

bench: $(BENCH_STAMP)
	$(BIN)/pytest bench $(ARGS)

# A library that is missing here fails its tests instead of skipping them.
test: export FORMFUNC_TESTS_NEED_ALL = 1
test: $(STAMP)
	$(BIN)/pytest $(EVERYTHING) -m "not alone" -n $(SIDE_BY_SIDE) --dist loadfile $(ARGS) $(NONE_IS_FINE)
	$(BIN)/pytest tests -m alone $(ARGS) $(NONE_IS_FINE)

# While one writes: seconds. It makes an environment without any engine, or takes the whole one that is there.
quick: $(QUICK_STAMP)
	$(BIN)/pytest $(WITHOUT_ENGINES) -m "not engine and not simulation and not alone" $(SPREAD) -q $(ARGS)

# Tests where no engine is installed: those that need one are skipped and say why. Simulations are the same anywhere.
bare: $(QUICK_STAMP)
	$(BIN)/pytest $(WITHOUT_ENGINES) -m "not alone and not simulation" $(SPREAD) $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The documentation site, in build/docs; a warning is an error. The drawings in it are kept: docs/site/drawings.py.
docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going -n -q docs build/docs

# The performance claims; minutes each. docs/figures.md says which is which.
figures: $(STAMP)
	$(BIN)/pytest bench/test_overhead.py bench/test_fidelity.py bench/test_reference_tools.py \
	    bench/test_interference.py bench/test_quiet.py bench/test_contention.py bench/test_coverage.py bench/test_estimators.py \
	    bench/test_settling.py bench/test_parking.py bench/test_seconds.py bench/test_compiled_cache.py bench/test_power.py bench/test_saved_power.py \
	    bench/test_allocation.py bench/test_steadiness.py bench/test_gate_quality.py bench/test_environment_bias.py \
	    bench/test_architectures.py \
	    bench/test_ceiling.py bench/test_conformance.py bench/test_quantisation.py bench/test_field_networks.py bench/test_reported_networks.py \
	    bench/test_parity_cost.py bench/test_pace.py bench/test_fleet.py bench/test_faults.py \
	    bench/test_cache_efficacy.py bench/test_scaling.py bench/test_explained.py bench/test_staircase.py \
	    bench/test_layers.py bench/test_layer_loss.py bench/test_waterfall.py bench/test_advice.py bench/test_sparsity.py \
	    bench/test_report.py bench/test_long_run.py $(ARGS)

# What a lent NVIDIA card can tell in 25 minutes, into gpu.txt. It installs nothing: GPU_PYTHON has a CUDA build of torch.
GPU_PYTHON ?= $(PYTHON)
gpu:
	$(GPU_PYTHON) tools/gpu.py $(ARGS)

# Every reader of files, each with that many changed ones: an hour.
fuzz: export FORMFUNC_FUZZ ?= 20000
fuzz: $(STAMP)
	$(BIN)/pytest tests/hostile -n $(SIDE_BY_SIDE) $(ARGS)

# pytest-benchmark's own tests, with and without this plugin installed: the same outcomes.
upstream: $(STAMP)
	tools/upstream_suite.sh $(BIN)/python

$(STAMP): pyproject.toml constraints.txt
	$(INSTALL) ".[openvino,test,check]"
	touch $@ $(BENCH_STAMP) $(QUICK_STAMP)

# Measuring the suite needs none of the libraries that the tests take networks from.
$(BENCH_STAMP): pyproject.toml constraints.txt
	$(INSTALL) ".[openvino]"
	touch $@

$(QUICK_STAMP): pyproject.toml constraints.txt
	$(INSTALL) ".[quick]"
	touch $@

clean:
	rm -rf $(VENV) .formfunc_cache .pytest_cache .mypy_cache .ruff_cache *.egg-info
