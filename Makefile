# make demo   the whole demonstration, from a fresh clone to the report
# make test   the tests, in under ten minutes on two cores; `make test-slow` runs the ones that take minutes each
#
# TORCH_INDEX: a wheel index to take torch from. Without a GPU the CPU build is enough and saves gigabytes:
#     make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test test-slow soak lint bench clean

demo: $(VENV)/.installed
	$(BIN)/sirev iterate --recipe tiny
	$(BIN)/sirev report --recipe tiny

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "not slow and not soak"

test-slow: $(VENV)/.installed-real-stack
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "slow and not vllm"
	$(BIN)/python -m pytest -m "slow and vllm"

soak: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m soak

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/sampler.py
	$(BIN)/python benchmarks/replay.py
	$(BIN)/python benchmarks/rerun.py
	$(BIN)/python benchmarks/put_get.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/grading.py
	$(BIN)/python benchmarks/measuring.py
	$(BIN)/python benchmarks/sandbox.py

# Torch comes first and by itself, so that its index serves nothing else; what it needs comes with the rest.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX) --no-deps) torch
	$(PIP) --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable '.[dev]'
	touch $@

# vLLM on the CPU and a small pretrained model; where they can't be had, the tests that need them skip.
$(VENV)/.installed-real-stack: $(VENV)/.installed-dev tests/install_real_stack.py
	$(BIN)/python tests/install_real_stack.py
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
