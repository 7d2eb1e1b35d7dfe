# make setup: .venv from the lock file    make demo: the whole life of a model    make test: all checks and tests
PYTHON ?= python3
STAMP := .venv/.set-up

.PHONY: setup demo test check lock

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Noria needs Python 3.11 or newer; name it with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv is missing; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	.venv/bin/python -m pip install --disable-pip-version-check -q -r requirements.lock
	.venv/bin/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: $(STAMP)
	@.venv/bin/noria demo

check: $(STAMP)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

test: check
	.venv/bin/python -m pytest

lock:
	.venv/bin/python tools/lock.py
