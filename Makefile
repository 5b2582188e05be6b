# Each target sets up the virtual environment it needs; nothing is installed by hand.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= audit

.PHONY: audit test lint bench clean

audit: .venv/.audit  ## audit the embedded digits; the page is $(OUT)/report.html
	$(BIN)/patom audit --out $(OUT)

test: .venv/.test  ## tests and the examples in the docstrings, on both cores
	$(BIN)/pytest -n 2 --dist worksteal

lint: .venv/.lint  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.bench  ## ratios against peers, interleaved in one process
	$(BIN)/python -m benchmarks

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

.venv/.audit: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/.test .venv/.lint .venv/.bench: .venv/.%: .venv/.audit
	$(BIN)/python -m pip install --quiet --group $*
	touch $@

clean:
	rm -rf .venv
