# `make demo` and `make test` need only Python (3.10 or newer) and make: the first of them builds
# .venv once, and again when pyproject.toml or constraints.txt changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One process for each core, and one thread in each.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: demo test check minimal results fuzz faults format clean help

help:
	@echo "make demo    compress the MNI152 T1 volume, decompress it, compare; see demo-out/"
	@echo "make test    run the tests"
	@echo "make check   linters, types, then the tests, which hold the import rules"
	@echo "make minimal install without torch, and try what works so"
	@echo "make results measure everything (hours); tables and plots in benchmarks/results/"
	@echo "make fuzz    fuzz the readers for FUZZ_SECONDS=60 a target (Linux, Python 3.11 to 3.13)"
	@echo "make faults  inject a thousand faults of disk and machine into every command that writes"
	@echo "make format  let ruff reformat the sources"
	@echo "make clean   remove .venv and everything else that was built"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed, $(PYTHON) is %d.%d" % sys.version_info[:2] if sys.version_info < (3, 10) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[demo,test,dev]'
	@touch $@

demo: $(READY)
	$(BIN)/python benchmarks/demo.py

test: $(READY)
	$(PYTEST)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

minimal:
	PYTHON="$(PYTHON)" .ci/minimal

results: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[bench,vbm]'
	$(BIN)/python -m benchmarks

FUZZ_SECONDS ?= 60
fuzz: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

faults: $(READY)
	$(BIN)/python -m tests.faults --count 1000

format: $(READY)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist demo-out fuzz-out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
