# make demo   watch the agent enroll a real Mast, on a throwaway PostgreSQL
# make test   run all tests
# make deb    build the Debian package; make deb-source its source package;
#             make install DESTDIR= PREFIX= for everything else
# make lint   ruff, mypy, which room of the agent imports which, shellcheck
# make coverage  which lines and branches of the agent the unit and integration tests run, and
#             whether those are enough
# make dist   what a release has, into dist/: both Debian packages, an sdist, SHA256SUMS
# make pictures  the terminal sessions of README, from real runs, into docs/images/, as root
# make bench  measure everything, some ten minutes, into docs/benchmarks.md
# make fuzz   search with atheris for what breaks the readers and the masking: a minute for each;
#             TIME=SECONDS, TARGET=NAME takes one, INPUT=FILE tries a find again
# make soak   300 enrollments by chance while something goes wrong, as root; SEED= RUNS= FIRST=
#             WORKERS=
# make crowd N=50   that many agents and one database
# make reliability   writes the last figures of fuzz, soak and crowd into docs/reliability.md
# make nix-proof NIXPKGS=…   what holds with that nixpkgs, a tree or a flake reference; BUILD=1 also
#             builds the package and runs it, ONLY=NAME takes what has that in its name
#
# They set up what they need: Debian packages by apt (root, or sudo), Python packages by pip into
# .venv, the reference release of Mast into build/. A package needs Debian's packages alone, and
# nix-proof brings nothing.

SHELL = /bin/bash
VENV = .venv
PYTHON = $(VENV)/bin/python

.DEFAULT_GOAL = help
.PHONY: help demo test lint coverage dist pictures bench fuzz soak crowd reliability nix-proof clean \
	packages-demo packages-test packages-soak packages-install packages-deb

help:
	@sed -n 's/^# \?//;1,/^$$/p' Makefile

demo: packages-demo $(VENV)/runtime
	@scripts/demo

# Most tests wait for something: a server, a machine that boots, a deadline, so that WORKERS=4 takes
# half the time on two cores. But then a machine under test may be too slow for a test that looks at
# a moment. A file stays together, since its tests share what was set up for them.
WORKERS = 0

test: packages-test $(VENV)/dev lint
	$(VENV)/bin/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(VENV)/dev
	$(VENV)/bin/ruff check --quiet
	$(VENV)/bin/ruff format --check --quiet
	$(VENV)/bin/mypy --no-error-summary
	@said=$$($(VENV)/bin/lint-imports --no-cache --no-logo 2>&1) || { echo "$$said"; exit 1; }
	git ls-files -z -- 'scripts/*' '*.sh' .ci/run systemd/mast-prepare 'debian/*.p*' \
	    'tests/system/before-debhelper/p*' | xargs -0 shellcheck

coverage: packages-test $(VENV)/dev
	@PYTHON=$(PYTHON) WORKERS=$(WORKERS) scripts/coverage $(COVERAGE_ARGS)

dist: $(VENV)/dev packages-deb
	@PYTHON=$(PYTHON) scripts/release files $(DIST)

pictures: packages-test $(VENV)/dev
	@PYTHONPATH=tests $(PYTHON) -m pictures

bench: packages-test $(VENV)/dev
	$(PYTHON) tests/bench/run.py $(BENCH_ARGS)

CHANCE = PYTHONPATH=tests $(PYTHON) -m chance

fuzz: packages-test $(VENV)/fuzz
	@$(CHANCE).fuzz $(if $(TIME),--seconds "$$TIME") $(if $(TARGET),--target "$$TARGET") $(if $(INPUT),--input "$$INPUT")

soak: packages-soak $(VENV)/dev
	@$(CHANCE).soak $(if $(SEED),--seed "$$SEED") $(if $(RUNS),--runs "$$RUNS") $(if $(FIRST),--first "$$FIRST") \
	    $(if $(filter-out 0,$(WORKERS)),--workers "$$WORKERS")

crowd: packages-demo $(VENV)/dev
	@$(CHANCE).crowd $(if $(N),--agents "$$N")

reliability: $(VENV)/dev
	@$(CHANCE).page

# It needs Nix, git and any Python 3.11, and none of the above.
# Make gives what is set for it to the shell, where it needs no quoting.
PROOF = $(if $(MAST),--mast "$$MAST") $(if $(FLAKE_UTILS),--flake-utils "$$FLAKE_UTILS") \
	$(if $(BUILD),--build) $(if $(ONLY),--only "$$ONLY") \
	$(if $(MARKDOWN),--markdown "$$MARKDOWN" --note "$$NOTE")

nix-proof:
	@test "$$NIXPKGS" || { echo 'make nix-proof NIXPKGS=PATH, or NIXPKGS=github:NixOS/nixpkgs/nixos-unstable' >&2; exit 2; }
	@PYTHONPATH=nix/proof PYTHONDONTWRITEBYTECODE=1 python3 -m nix_proof --nixpkgs "$$NIXPKGS" $(PROOF)

packages-demo:
	@scripts/apt-packages demo

packages-test:
	@scripts/apt-packages test

packages-soak:
	@scripts/apt-packages soak

packages-install:
	@scripts/apt-packages install

packages-deb:
	@scripts/apt-packages deb

# Man page and completions are made from the command line's help, which Debian's Typer can tell.
install: PYTHON = /usr/bin/python3
install: packages-install
deb deb-source: packages-deb

# Newer than Debian's, also where Debian's are there: what is tested must not depend on what else
# the machine has installed. A test of its own runs the agent with Debian's.
NEWEST = --upgrade --upgrade-strategy eager

# Debian's interpreter and its site packages: pydbus, PyGObject and systemd-python are there.
$(VENV)/bin/python:
	/usr/bin/python3 -m venv --system-site-packages $(VENV)

$(VENV)/runtime: pyproject.toml | $(VENV)/bin/python
	@echo "Python packages: installing the agent and its dependencies into $(VENV)"
	$(VENV)/bin/pip install --quiet --disable-pip-version-check $(NEWEST) --editable .
	@touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/bin/python
	@echo "Python packages: installing the agent and the tests' tools into $(VENV)"
	$(VENV)/bin/pip install --quiet --disable-pip-version-check $(NEWEST) --editable '.[dev]'
	@touch $@ $(VENV)/runtime

$(VENV)/fuzz: pyproject.toml | $(VENV)/dev
	@echo "Python packages: installing atheris into $(VENV)"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[fuzz]' || { \
		echo "make fuzz needs atheris, and it cannot be installed here: PyPI has it for some" \
		"versions of Python and for x86-64 and 64-bit ARM alone" >&2; exit 1; }
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

include packaging/package.mk
