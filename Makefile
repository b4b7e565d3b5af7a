# The commands of the project; `make` alone lists them.
# PYTHON is only used to create .venv: `make setup PYTHON=python3.12`.

SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup report test test-long lint lab bench bench-long lock clean FORCE

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## create .venv with exactly the packages of requirements.lock

report: $(READY) ## write the reports: HTML, PDF and workbook, into reports/
	@$(BIN)/dealgrid report

test: $(READY) ## run the quick tests
	@$(BIN)/python -m pytest -n logical --dist loadfile

test-long: $(READY) ## run the long tests and those that need a browser
	@$(BIN)/python -m pytest -n logical --dist loadfile -m "long or browser"

lint: $(READY) ## check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lab: $(READY) ## open the notebooks in JupyterLab
	@$(BIN)/dealgrid lab

bench: $(READY) ## print the table of measurements, in some minutes
	@$(BIN)/python benchmarks/run.py

bench-long: $(READY) ## measure what takes longer: 100 million futures, the whole map
	@$(BIN)/python benchmarks/run.py --long

lock: ## rewrite requirements.lock and environment.yml; UPGRADE=1 takes newer versions
	@$(call has_uv) || { $(create_venv); }
	@$(BIN)/python tools/lock.py $(if $(UPGRADE),--upgrade)

clean: ## delete .venv and all caches; reports stay
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	@find . -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} + \
		-o -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +

# The stamp is written last, so an interrupted set-up is not taken for a finished one. It holds the folder's own
# path: an environment that was copied or moved would run the code of the folder it came from.
ifneq ("$(shell cat $(READY) 2>/dev/null)","$(CURDIR)")
$(READY): FORCE
endif

$(READY): requirements.lock pyproject.toml
	@rm -f $@
	@$(has_uv) || { $(create_venv); }
	@$(uv) pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	@$(uv) pip install --quiet --no-deps --no-build-isolation --editable .
	@printf '%s\n' "$(CURDIR)" > $@
	@echo "Ready: $$($(BIN)/python --version) in .venv"

# The system's certificates, because a company's network may answer with its own.
uv = VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/python -m uv --system-certs
has_uv = test "$$(cat .venv/.path 2>/dev/null)" = "$(CURDIR)" && $(BIN)/python -m uv --version >/dev/null 2>&1

# uv installs the rest; it comes from the lock itself, so its hash is checked too.
define create_venv
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "dealgrid needs Python 3.11 or newer; found: $$($(PYTHON) --version 2>&1). Name another: make setup PYTHON=python3.12" >&2; exit 2; } \
&& $(PYTHON) -m venv --clear .venv \
	|| { echo "Python could not create .venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; } \
&& awk '/^[^ ]/ {inside = /^uv==/} inside' requirements.lock > .venv/uv.txt \
&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.txt \
&& printf '%s\n' "$(CURDIR)" > .venv/.path
endef

FORCE:
