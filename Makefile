# make demo         the whole demonstration, from a fresh clone to the page; the experiment takes minutes on two cores
# make test         the tests, under ten minutes on two quiet cores; `make test-slow` runs the longer ones
# make constraints  the pinned versions anew: constraints.txt (CPU), constraints-gpu.txt (GPU, with vLLM) and uv.lock (the latter for uv)
# make docs         the documentation as a site, in site/; seconds
# make resolve      whether they can be installed from the package index, with each Python and each extra
#
# TORCH_INDEX: a wheel index to take torch from. Without a GPU the CPU build is enough and saves gigabytes:
#     make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
CONSTRAINED := $(PIP) --constraint constraints.txt

.PHONY: demo test test-slow soak lint docs bench constraints resolve clean

demo: $(VENV)/.installed
	$(BIN)/sirev iterate tiny --null retrain
	$(BIN)/sirev report html tiny --output reports/tiny.html

# Threads of torch wait by spinning: two processes on two cores have one each.
PYTEST_TWICE = OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

test: $(VENV)/.installed-dev
	$(PYTEST_TWICE) -m "not slow and not soak"

test-slow: $(VENV)/.installed-real-stack
	$(PYTEST_TWICE) -m "slow and not spinning"
	$(PYTEST_TWICE) --dist loadfile --no-loadscope-reorder --one-core-each -m "slow and spinning"

soak: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m soak

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/sampler.py
	$(BIN)/python benchmarks/replay.py
	$(BIN)/python benchmarks/rerun.py
	$(BIN)/python benchmarks/put_get.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/grading.py
	$(BIN)/python benchmarks/linear.py
	$(BIN)/python benchmarks/measuring.py
	$(BIN)/python benchmarks/page.py
	$(BIN)/python benchmarks/sandbox.py
	$(BIN)/python benchmarks/verdicts.py

# A pin stays what it is as long as it can; UPGRADE=--upgrade takes the newest versions, UPGRADE='--upgrade-package NAME' one.
# What runs on a GPU is resolved first and binds the file for the CPU, so that both name the same versions.
UPGRADE ?=
COMPILE = $(BIN)/uv pip compile --quiet --no-config --no-python-downloads --no-build --universal --python-version 3.11 \
	--no-annotate --no-emit-package setuptools --custom-compile-command 'make constraints' $(UPGRADE) pyproject.toml

constraints: $(VENV)/.installed-uv
	$(COMPILE) --all-extras --output-file constraints-gpu.txt
	$(COMPILE) $(foreach extra,server s3 gs inspect full ray slurm trackio wandb tensorboard mlflow frames docs dev,--extra $(extra)) --constraint constraints-gpu.txt --output-file constraints.txt
	$(BIN)/python tests/lock.py

resolve: $(VENV)/.installed-uv
	$(BIN)/python tests/resolve.py

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sirev needs Python 3.11 or newer; name one with: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo "this Python cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

# Torch comes first and by itself, so that its index serves nothing else; what it needs comes with the rest.
$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	$(CONSTRAINED) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX) --no-deps) torch
	$(CONSTRAINED) --editable '.[train]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(CONSTRAINED) --editable '.[dev]'
	touch $@

$(VENV)/.installed-docs: $(VENV)/.made pyproject.toml constraints.txt
	$(CONSTRAINED) --editable '.[docs]'
	touch $@

# vLLM on the CPU and a small pretrained model; where they can't be had, the tests that need them skip.
$(VENV)/.installed-real-stack: $(VENV)/.installed-dev tests/install_real_stack.py constraints-gpu.txt
	$(BIN)/python tests/install_real_stack.py
	touch $@

# Without the constraints, which may be what has to be made anew.
$(VENV)/.installed-uv: $(VENV)/.made
	$(PIP) uv
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
