# Everything runs in .venv, which the first command makes.

PYTHON ?= python3
CORES ?= all
VENV := .venv
SNAKEMAKE := $(VENV)/bin/snakemake --cores $(CORES) --rerun-incomplete

.PHONY: quick paper report readme test lint clean

quick: $(VENV)/installed
	$(SNAKEMAKE) quick

paper: $(VENV)/installed
	$(SNAKEMAKE) paper

# A report of whichever scale has been built; both if both have.
report: $(VENV)/installed
	$(SNAKEMAKE) --report report.zip \
	    $(patsubst results/%/claims.csv,%,$(wildcard results/*/claims.csv))

# The README's tables of claims, from the results that are there.
readme: $(VENV)/installed
	$(VENV)/bin/python docs/update_readme.py

test: $(VENV)/installed
	$(VENV)/bin/python -m pytest

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
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
