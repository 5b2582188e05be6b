# Each target sets up the virtual environment it needs; nothing is installed by hand.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= audit
PEERS := secml holisticai art
PEER_secml := secml==0.15.6
PEER_holisticai := holisticai==1.0.14
PEER_art := adversarial-robustness-toolbox==1.20.1
# A build for the processor alone is smaller by gigabytes: make bench TORCH=torch==2.13.0+cpu, where pip finds one.
TORCH ?= torch>=2.4
BENCH := .venv-bench/bin
ARGS ?=

LOWEST := .venv-lowest/bin
TESTS ?=

.PHONY: audit test test-slow test-all lint lowest bench clean

audit: .venv/.audit  ## audit the embedded digits; the page is $(OUT)/report.html
	$(BIN)/patom audit --out $(OUT)

test: .venv/.test  ## the quick tests and the examples in the docstrings, on both cores
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow" $(TESTS)

test-slow: .venv/.test  ## the tests that `make test` leaves out
	$(BIN)/pytest -n 2 --dist worksteal -m slow $(TESTS)

test-all: .venv/.test  ## all tests
	$(BIN)/pytest -n 2 --dist worksteal $(TESTS)

lint: .venv/.lint  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lowest: .venv-lowest/.ready  ## tests with the lowest versions that pyproject.toml allows; some: make lowest TESTS=tests/cli
	NUMBA_CACHE_DIR=.venv-lowest/numba $(LOWEST)/pytest -n 2 --dist worksteal $(OLD) $(TESTS)

bench: .venv-bench/.ready  ## ratios against peers; one that cannot be installed is named and skipped
	-$(MAKE) --keep-going .venv-bench/.torch $(PEERS:%=.venv-peers/%/.ready)
	$(BENCH)/python -m benchmarks $(ARGS)

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

.venv/.audit: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/.test .venv/.lint: .venv/.%: .venv/.audit
	$(BIN)/python -m pip install --quiet --group $*
	touch $@

# Old packages meet new ones of others', which say so; that is theirs to mend. On Python 3.11, which all of them know.
OLD := -W ignore::DeprecationWarning -W ignore::PendingDeprecationWarning
.venv-lowest/.ready: pyproject.toml
	python3.11 -m venv --clear .venv-lowest
	$(LOWEST)/python -m pip install --quiet --upgrade uv
	$(LOWEST)/uv pip install --quiet --python $(LOWEST)/python --resolution lowest-direct --editable ".[dask]" --group test
	touch $@

# An environment of its own: PyTorch and the conic solvers are not for the tests.
.venv-bench/.ready: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	$(BENCH)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BENCH)/python -m pip install --quiet --editable . --group bench
	touch $@

.venv-bench/.torch: .venv-bench/.ready
	$(BENCH)/python -m pip install --quiet "$(TORCH)"
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
	rm -rf .venv .venv-bench .venv-peers .venv-lowest
