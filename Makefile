# Everything starts from nothing: the environment is made on the first call of any target.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
# torch first and by its exact version: a range lets pip take a build of several gigabytes.
TORCH := $(shell grep '^torch==' constraints.txt)

.PHONY: demo test check bench bench-gates bench-occlusion bench-step bench-study bench-train calibration docs clean

demo: $(READY)  ## Compare five variants on rendered scenes, offline, in under four minutes.
	$(BIN)/foveal demo --out runs/demo

test: check  ## Lint, types, and all tests with the examples in docstrings and README.
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: bench-gates bench-step bench-train bench-study bench-occlusion

bench-gates: $(READY)  ## A series gate alone: ours, timm's, the reference's, compiled too, over the floor.
	$(BIN)/python benchmarks/bench_gates.py

bench-step: $(READY)  ## A training step by variant against `none`, beside timm's and the reference's gates.
	$(BIN)/python benchmarks/bench_step.py

bench-train: $(READY)  ## Images a second against a plain loop, and whether both learn alike.
	$(BIN)/python benchmarks/bench_train.py

bench-study: $(READY)  ## Runs an hour of the five-variant study against plain loops.
	$(BIN)/python benchmarks/bench_study.py

bench-occlusion: $(READY)  ## Occlusion maps against Captum's, interleaved, in about twenty minutes.
	$(BIN)/python benchmarks/bench_occlusion.py

calibration: $(READY)  ## How often verdicts are wrong, by simulation, in a few minutes.
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/calibration.py

docs: $(DOCS_READY)  ## Build the site, cards and executed pages anew, on one thread; a warning is an error.
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -M html docs docs/_build --fresh-env --write-all --fail-on-warning --keep-going --quiet
	@echo "$(CURDIR)/docs/_build/html/index.html"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(DOCS_READY): $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) build dist docs/_build docs/_generated
