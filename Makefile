# Everything but `gpu` runs in .venv, which the first command makes.

PYTHON ?= python3
CORES ?= all
VENV := .venv
SNAKEMAKE := $(VENV)/bin/python -m snakemake --cores $(CORES)

KERAS := .venv-keras

.PHONY: help quick paper report publish restore archive readme benchmark gpu gpu-data
.PHONY: test test-built test-others test-faults test-cluster lint clean

help: ## this list
	@echo 'make TARGET, where TARGET is'
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

quick: $(VENV)/installed ## every figure and table with three seeds: about ten minutes
	$(SNAKEMAKE) quick

paper: $(VENV)/installed ## the same at the paper's settings: about seven hours
	$(SNAKEMAKE) paper

SCALES := $(patsubst results/%/claims.csv,%,$(wildcard results/*/claims.csv))
report: $(VENV)/installed ## report.zip, to open in a browser, of what has been made
	$(if $(SCALES),,@echo 'There is nothing to report: run make quick.'; exit 1)
	$(SNAKEMAKE) --report report.zip $(SCALES)

# docs/replication.md and the README's verdicts, from the results that are there. COMMIT
# names that of results whose jobs did not record one.
publish: $(VENV)/installed ## docs/replication.md and the verdicts of README.md, from the results
	$(VENV)/bin/python -m spectral_relevance.replication.publish publish \
	    $(if $(COMMIT),--commit $(COMMIT))

# Datasets first: Snakemake makes again what is older than its input.
restore: $(VENV)/installed ## the published tables, or FROM=archive.zip all results and weights
	$(SNAKEMAKE) datasets
	$(VENV)/bin/python -m spectral_relevance.replication.publish restore \
	    $(if $(FROM),--from "$(FROM)")

archive: $(VENV)/installed ## archive.zip, to be deposited: code, results, weights
	$(VENV)/bin/python -m spectral_relevance.replication.publish archive \
	    $(if $(COMMIT),--commit $(COMMIT))

readme: $(VENV)/installed ## what is generated within README.md and docs/ only
	$(VENV)/bin/python -m spectral_relevance.replication.publish readme

# Without TensorFlow all but Keras is measured. BEFORE names a checkout of an older
# commit, made by git worktree, whose training is timed as well.
benchmark: $(VENV)/installed ## the speed of training beside a plain loop and Keras
	$(SNAKEMAKE) --quiet -- $(patsubst %,results/paper/datasets/%/data.npz, \
	    independent correlated mnist_01 stellar)
	-$(MAKE) $(KERAS)/installed
	$(VENV)/bin/python speed/benchmark.py --keras $(KERAS)/bin/python \
	    $(if $(BEFORE),--before "$(BEFORE)")

# On a machine that may lack .venv, and where minutes count: any Python with torch.
GPU_PYTHON ?= python3
BUDGET ?= 480
gpu: ## on a GPU: its tests, its speed, the paper's trainings, within BUDGET=480 seconds
	PYTHONPATH=src $(GPU_PYTHON) speed/gpu.py --budget $(BUDGET)

gpu-data: $(VENV)/installed ## what make gpu reads, to be taken to the GPU: 40 MB
	$(SNAKEMAKE) --quiet -- $(patsubst %,results/paper/datasets/%/data.npz, \
	    mnist_01 mnist_59 mnist_all stellar)
	$(VENV)/bin/python speed/gpu_data.py

test: $(VENV)/installed ## the tests: about ten minutes
	@$(MAKE) --jobs 2 --output-sync=target --no-print-directory test-built test-others

# Two processes: the tests of the one checkout that is built, and all others.
test-built test-others: $(VENV)/installed
	$(VENV)/bin/python -m pytest -m '$(if $(filter test-built,$@),built,not built)'

test-faults: $(VENV)/installed ## kills, full disks, bad mirrors, for real (as root; SHORT=1: minutes)
	$(VENV)/bin/python -m pytest tests/faults $(if $(SHORT),-m short --kills 1)

# Installs Debian's slurm-wlm and munge where they are missing: as root.
test-cluster: $(VENV)/installed ## on a real Slurm, which it installs (Debian, as root)
	$(VENV)/bin/python -m pytest tests/cluster $(if $(SHORT),-k figure)

lint: $(VENV)/installed ## formatters, linters and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/python -m mypy
	$(VENV)/bin/snakefmt --check Snakefile workflow
	$(VENV)/bin/snakemake --lint
	$(VENV)/bin/codespell

clean: ## remove results and figures; downloads and .venv stay
	rm -rf results figures logs benchmarks report.zip .snakemake

# An environment knows where it and the checkout lie, so that neither can be moved.
MADE_FOR := $(shell cat $(VENV)/installed 2>/dev/null)
ifneq "$(MADE_FOR)" "$(shell pwd -P)"
$(VENV)/installed: moved
endif

$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; name one with make PYTHON=..."; exit 1; }
	@PYTHONPATH=src $(PYTHON) -P src/spectral_relevance/replication/places.py "$(VENV)"
	$(PYTHON) -m venv $(if $(filter moved,$?),$(if $(MADE_FOR),--clear)) $(VENV)
	$(VENV)/bin/python -m pip install --quiet --requirement requirements.txt
	$(VENV)/bin/python -m pip install --quiet --no-deps --editable .
	pwd -P >$@
	@echo 'For snakemake and python in this shell: . $(VENV)/bin/activate'

.PHONY: moved
moved:
	$(if $(MADE_FOR),@echo 'This folder was moved or copied: $(VENV) is made anew.')

$(KERAS)/installed: speed/requirements-keras.txt
	$(PYTHON) -m venv $(KERAS)
	$(KERAS)/bin/python -m pip install --quiet --requirement $<
	touch $@
