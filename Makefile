# Each target sets up the virtual environment it needs; nothing is installed by hand.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= audit
PEERS := secml holisticai
PEER_secml := secml==0.15.6
PEER_holisticai := holisticai==1.0.14

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

bench: .venv/.bench  ## ratios against peers; one that cannot be installed is named and skipped
	-$(MAKE) --keep-going $(PEERS:%=.venv-peers/%/.ready)
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

# Other poisoners, whose requirements clash with ours and each other's. pip would refuse SecML: it declares Python
# below 3.11, and runs on 3.11 with the packages of its time.
.venv-peers/%/.ready: benchmarks/%.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(@D)/bin/python -m pip install --quiet --only-binary :all: --requirement $<
	$(@D)/bin/python -m pip install --quiet --no-deps --ignore-requires-python $(PEER_$*)
	touch $@

clean:
	rm -rf .venv .venv-peers
