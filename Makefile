# Two targets are the whole set-up: `make demo` and `make test`. `make help` lists the rest.
# Everything is installed into .venv and built in target/; delete both to start afresh.

PYTHON ?= python3
DEMO_OUT ?= out/demo
JOBS ?= 2

BIN := .venv/bin
CRATES := Cargo.toml Cargo.lock $(shell find crates -name '*.rs' -o -name Cargo.toml)
PURE_CRATES := --workspace --exclude roadseal-python# the binding is tested from Python

# What Debian has to give. libx11-6 … libatomic1 are what the SUMO wheels leave to the system.
DEBIAN := gcc libc6-dev libx11-6 libxext6 libxrender1 libgl1 libatomic1
# The strongSwan and WireGuard ones (6 MB) are foreign ends of tunnels that tests bring up on loopback.
DEBIAN_DEV := chromium curl fonts-dejavu-core openssl postgresql softhsm2 tshark \
	charon-systemd iproute2 strongswan-swanctl wireguard-go wireguard-tools \
	cryptsetup-bin libnss3-tools lzip lzop mender-artifact osslsigncode rauc swugenerator \
	7zip cpio genext2fs lz4 mtd-utils mtools rpm squashfs-tools zstd device-tree-compiler u-boot-tools

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint bench docs format lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: .venv/.core ## measure the five approaches on the embedded corridor
	roadseal pilot run --approach all --seed 1 --duration 600 --out $(DEMO_OUT)

test: .venv/.core .venv/.locked-dev ## run every test
	@test -d "$${ROADSEAL_TESTDATA:-../shared/data}" \
		|| echo "The field material is not at hand: tests that need it are skipped and say so."
	cargo test --release --locked $(PURE_CRATES) -- --show-output
	pytest -n $(JOBS) --doctest-modules --doctest-glob='*.md' tests src docs/*.md README.md

lint: .venv/.core .venv/.locked-dev ## check style, types, arrows, the stub, and that the documentation builds
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings
	python -m mypy.stubtest --mypy-config-file pyproject.toml roadseal._core
	@$(MAKE) --no-print-directory docs

docs: .venv/.core .venv/.locked-dev ## build the documentation into docs/_build
	sphinx-build -W --keep-going --quiet docs docs/_build

bench: .venv/.core .venv/.locked-dev ## run every bench and say on which machine
	@scripts/machine
	@for bench in benches/bench_*.py; do printf '\n== %s\n' $$bench; python $$bench || exit 1; done

format: .venv/.core .venv/.locked-dev ## put every file into the house's format
	ruff check --fix .
	ruff format .
	cargo fmt --all

lock: .venv/.core .venv/.locked-dev ## renew requirements*.txt from pyproject.toml
	scripts/lock

clean: ## delete what was built, keep what was installed
	rm -rf docs/_build out target

# --- set-up: each step leaves a stamp and is done again only when its input changed ---------------

.venv/bin/pip:
	@scripts/check-tools $(PYTHON)
	@scripts/debian $(DEBIAN) $$($(PYTHON) -c 'import ensurepip' 2>/dev/null || echo python3-venv)
	$(PYTHON) -m venv .venv

.venv/.locked: requirements.txt | .venv/bin/pip
	@echo "Installing Python packages (450 MB to fetch; two to five minutes)"
	python -m pip install --require-hashes --no-deps -r requirements.txt
	@touch $@

.venv/.locked-dev: requirements-dev.txt .venv/.locked
	@scripts/debian $(DEBIAN_DEV)
	@echo "Installing Python packages for tests and documentation (220 MB to fetch; about a minute)"
	python -m pip install --require-hashes --no-deps -r requirements-dev.txt
	@touch $@

.venv/.core: pyproject.toml $(CRATES) .venv/.locked
	@echo "Building the Rust core (the first time two to six minutes, then seconds)"
	maturin develop --release --locked --skip-install
	python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
