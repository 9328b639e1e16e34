# Everything runs in .venv, which the first command makes.

PYTHON ?= python3
CORES ?= all
VENV := .venv
SNAKEMAKE := $(VENV)/bin/snakemake --cores $(CORES) --rerun-incomplete

KERAS := .venv-keras

.PHONY: quick paper report publish restore readme benchmark
.PHONY: test test-faults test-cluster lint clean

quick: $(VENV)/installed
	$(SNAKEMAKE) quick

paper: $(VENV)/installed
	$(SNAKEMAKE) paper

# A report of whichever scale has been built; both if both have.
report: $(VENV)/installed
	$(SNAKEMAKE) --report report.zip \
	    $(patsubst results/%/claims.csv,%,$(wildcard results/*/claims.csv))

# docs/replication.md and the README's tables, from the results that are there. COMMIT
# names that of results whose jobs did not record one.
publish: $(VENV)/installed
	$(VENV)/bin/python -m spectral_relevance.replication.publish publish \
	    $(if $(COMMIT),--commit $(COMMIT))

# The published tables, so that figures can be drawn without training. Datasets first:
# Snakemake makes again what is older than its input.
restore: $(VENV)/installed
	$(SNAKEMAKE) datasets
	$(VENV)/bin/python -m spectral_relevance.replication.publish restore

readme: $(VENV)/installed
	$(VENV)/bin/python -m spectral_relevance.replication.publish readme

# Without TensorFlow all but Keras is measured.
benchmark: $(VENV)/installed
	$(SNAKEMAKE) --quiet -- $(patsubst %,results/paper/datasets/%/data.npz, \
	    independent correlated mnist_01 stellar)
	-$(MAKE) $(KERAS)/installed
	$(VENV)/bin/python speed/benchmark.py --keras $(KERAS)/bin/python

test: $(VENV)/installed
	$(VENV)/bin/python -m pytest

# SHORT=1 takes a few minutes.
test-faults: $(VENV)/installed
	$(VENV)/bin/python -m pytest tests/faults $(if $(SHORT),-m short --kills 1)

# Installs Debian's slurm-wlm and munge where they are missing: as root.
test-cluster: $(VENV)/installed
	$(VENV)/bin/python -m pytest tests/cluster $(if $(SHORT),-k figure)

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/python -m mypy
	$(VENV)/bin/snakefmt --check Snakefile workflow
	$(VENV)/bin/snakemake --lint
	$(VENV)/bin/codespell

# Results and figures, not the downloads and not the environment.
clean:
	rm -rf results figures logs benchmarks report.zip .snakemake

$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; name one with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --requirement requirements.txt
	$(VENV)/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

$(KERAS)/installed: speed/requirements-keras.txt
	$(PYTHON) -m venv $(KERAS)
	$(KERAS)/bin/python -m pip install --quiet --requirement $<
	touch $@
