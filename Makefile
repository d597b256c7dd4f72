# Everything starts from nothing: the first call of a target creates the environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
# torch first and by its exact version: a range lets pip take a build of several gigabytes.
TORCH := $(shell grep '^torch==' constraints.txt)
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: help demo test test-trackers check format coverage browser calibration calibration-peers docs wheel check-wheel clean \
	bench bench-cli bench-gates bench-occlusion bench-step bench-study bench-train

help:  ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(READY)  ## Compare five variants on rendered scenes, offline.
	$(BIN)/foveal demo --out runs/demo

test: check  ## Run all checks and tests, with the examples in docstrings and README.
	$(PYTEST)

check: $(READY)  ## Run ruff and mypy.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(READY)  ## Format the code and sort imports.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

coverage: $(READY)  ## Run the tests and write a coverage report to htmlcov/.
	$(PYTEST) --cov=foveal --cov-branch --cov-report=term:skip-covered --cov-report=html

browser:  ## Install Chromium for the tests of pages, by apt when run as root.
	@command -v chromium chromium-browser google-chrome > /dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null \
			&& export DEBIAN_FRONTEND=noninteractive \
			&& timeout 60 apt-get update --quiet=2 \
			&& timeout 180 apt-get install --quiet=2 --yes --no-install-recommends chromium > /dev/null; } \
		|| { echo "No browser: install Chromium or Google Chrome to test pages."; exit 1; }

bench: bench-cli bench-gates bench-step bench-train bench-study bench-occlusion  ## Run all benchmarks.

bench-cli: $(READY)  ## Time `foveal --help` and other short commands as whole processes.
	$(BIN)/python benchmarks/bench_cli.py

bench-gates: $(READY)  ## Time a CBAM gate alone: ours, timm's, the reference's, also compiled.
	$(BIN)/python benchmarks/bench_gates.py

bench-step: $(READY)  ## Time a training step per variant against `none`, timm's and the reference's gates.
	$(BIN)/python benchmarks/bench_step.py

bench-train: $(READY)  ## Compare images per second with a plain loop, and the accuracy of both.
	$(BIN)/python benchmarks/bench_train.py

bench-study: $(READY)  ## Compare runs per hour of the five-variant study with plain loops.
	$(BIN)/python benchmarks/bench_study.py

bench-occlusion: $(READY)  ## Compare occlusion maps with Captum's, interleaved, in about twenty minutes.
	$(BIN)/python benchmarks/bench_occlusion.py

calibration: $(READY)  ## Simulate how often verdicts are wrong, in a few minutes.
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/calibration.py

calibration-peers: $(READY)  ## Compare sequential studies with AdaStop and with common habits, in a quarter of an hour.
	$(BIN)/pip install --quiet adastop==0.1.3 tabulate
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/calibration_peers.py

test-trackers: $(READY)  ## Install TensorBoard and MLflow, and read back what was logged to them.
	$(BIN)/pip install --quiet --constraint constraints.txt tensorboard mlflow
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/study/test_trackers.py

docs: $(DOCS_READY)  ## Build the site from scratch; a warning is an error.
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -M html docs docs/_build --fresh-env --write-all --fail-on-warning --keep-going --quiet
	@echo "$(CURDIR)/docs/_build/html/index.html"

wheel: $(READY)  ## Build the wheel of this architecture, with native kernels, and the source distribution.
	rm -rf build dist
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=true $(BIN)/python -m hatchling build --target wheel --directory build
	$(BIN)/python -m hatchling build --target sdist --directory dist
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/auditwheel repair --wheel-dir dist build/*.whl
	@ls dist

check-wheel: wheel  ## Check the wheel where there is no compiler and nothing can be written.
	$(PYTHON) packaging/check_wheel.py dist/*.whl

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(DOCS_READY): $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

clean:  ## Remove the environment and everything that was built.
	rm -rf $(VENV) build dist htmlcov .coverage .pytest_cache docs/_build docs/_generated
