# Every target makes what it needs: a virtual environment in .venv, refreshed when setup.cfg changes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# For the tests of weaving alone, as on other versions of Python, NEEDS='-e .[weaving]' takes a fifth of the time.
NEEDS ?= -e ".[test,lint]" -e examples

# The majors of Langfuse's SDK exclude one another, and need other versions of wrapt: an environment for each. 5 needs Python 3.11.
LANGFUSE_VENVS := .venv-langfuse-3.15 .venv-langfuse-4 .venv-langfuse-5
LANGFUSE_TESTS := tests/langfuse/test_adoption.py tests/langfuse/test_diagnosis.py tests/context/test_langfuse_observe.py \
	tests/langfuse/test_variables.py::test_every_variable_of_the_installed_sdk_is_known

.PHONY: test-langfuse demo test browser prometheus screenshots test-weaving bench bench-peers bench-masking bench-page outage outage-long load soak validate kills properties throughput sampling-sim downstream downstream-part docs site licences lint mutants test-install clean
.DEFAULT_GOAL := test

$(VENV)/.ready: setup.cfg setup.py pyproject.toml examples/pyproject.toml $(wildcard tracing_proxies/hot/*)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=23.2"
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet $(NEEDS)
	touch $@

# Tests start hundreds of processes, and each would compile all of the package where nothing may write bytecode.
.PHONY: bytecode
bytecode: $(VENV)/.ready
	$(BIN)/python -m compileall -q tracing_proxies adapters dashboards examples/retail \
		$$(find tests -name '*.py' ! -name 'test_*')

demo: $(VENV)/.ready  ## run the retail simulation, traced into a local store
	$(BIN)/tracing-proxies demo

# Weaving looks at all modules that are loaded: what weaves hundreds of times does so without what other tests import.
WOVEN_IN_PLACE := tests/weaving tests/recording
test: bytecode browser prometheus  ## run every test, on all cores, each file on one
	$(BIN)/python -m pytest -n auto --dist loadfile $(WOVEN_IN_PLACE)
	$(BIN)/python -m pytest -n auto --dist loadfile $(WOVEN_IN_PLACE:%=--ignore=%)

# Chromium, for the tests of the page; root on Debian and its kin gets it installed, everybody else is told by the tests.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
		|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }

# Prometheus and its Alertmanager, for the tests of metrics and alerts, in the same way.
prometheus:
	@{ command -v promtool && command -v amtool; } >/dev/null \
		|| [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
		|| { apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager; }

screenshots: $(VENV)/.ready browser  ## take the pictures of the README anew, from a run of the demo
	$(BIN)/python -m docs.screenshots

TESTS ?= tests/weaving tests/recording
test-weaving: bytecode  ## run the tests of weaving and recording only: make test-weaving PYTHON=python3.13 VENV=.venv-3.13
	$(BIN)/python -m pytest $(TESTS) -k "not hundreds_of_activations" -n auto --dist loadfile

.PHONY: langfuse-environments
langfuse-environments: $(LANGFUSE_VENVS:%=%/.ready)

test-langfuse: langfuse-environments bytecode  ## run what needs Langfuse's SDK with the last 3, and the newest 4 and 5
	for venv in $(LANGFUSE_VENVS); do $$venv/bin/python -m pytest -p no:cacheprovider $(LANGFUSE_TESTS) || exit 1; done

# Small environments on top of the usual one: pip puts in them what this version of the SDK needs another version of.
.venv-langfuse-%/.ready: $(VENV)/.ready
	$(BIN)/python -m venv --clear --without-pip $(@D)
	echo "import site; site.addsitedir('$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')')" \
		> $$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/usual.pth
	$(BIN)/pip --python $(@D)/bin/python install --quiet --upgrade "langfuse==$*.*" "langchain-core>=1"
	$(BIN)/pip --python $(@D)/bin/python install --quiet --no-deps "langchain>=1"  # its version is what the SDK looks at
	touch $@

downstream: $(VENV)/.ready  ## run other libraries' own tests, untraced and with all of their public callables woven
	$(BIN)/python -m tests.downstream $(LIBRARIES)

downstream-part: bytecode  ## run a small part of them, as the continuous integration does
	$(BIN)/python -m tests.downstream --part --rounds 1 --no-reference --work build/part$(subst .venv,,$(VENV)) $(LIBRARIES)

docs: $(VENV)/.ready  ## write docs/registry.md and the JSON schemas from the declared keys, docs/commands.md, docs/metrics.md, docs/performance.md from perf/
	$(BIN)/python -m docs

site: $(VENV)/.ready  ## build the documentation as a site, below build/site
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet -e ".[docs]"
	$(BIN)/python -m mkdocs build --strict

licences: $(VENV)/.ready  ## write docs/licences.md from what is installed
	$(BIN)/python -m docs.licences

bench: $(VENV)/.ready  ## measure what a call costs, and write perf/report.md and perf/report.json
	$(BIN)/python -m perf

bench-peers: $(VENV)/.ready  ## measure the same call under other tools, installed below build/peers, and write perf/peers.md
	$(BIN)/python -m perf.peers

outage: $(VENV)/.ready  ## measure what outages of a server cost, beside Langfuse's own SDK, and write perf/outage.md
	$(BIN)/python -m perf.outage

load: $(VENV)/.ready  ## hold the retail application to a budget under stress, live, and write perf/load.md
	$(BIN)/python -m perf.budget

soak: $(VENV)/.ready  ## trace the retail application for an hour while everything around it changes, and write perf/soak.md
	$(BIN)/python -m perf.soak $(if $(MINUTES),--minutes $(MINUTES))

validate: $(VENV)/.ready  ## do all of it in a fresh clone, and write build/validation/validation.md: make validate ARGS="--quick --skip outage-long"
	$(BIN)/python -m perf.validation $(ARGS)

outage-long: $(VENV)/.ready  ## have a server away for ten minutes, with a large spool and with a small one
	$(BIN)/python -m perf.outage --minutes 10

properties: bytecode  ## try what holds for any input with ten times as many examples, runs and seeds
	EXAMPLES=10 SAMPLING_SEEDS=1000 ACTIVATIONS=1000 $(BIN)/python -m pytest -n auto --dist loadfile \
		$$(grep -lE "examples\(|ACTIVATIONS|SAMPLING_SEEDS" -r tests --include='test_*.py')

kills: $(VENV)/.ready  ## kill traced processes two hundred times, and see what is lost
	KILLS=100 KILL_LOSS=200 $(BIN)/python -m pytest tests/delivery/test_kills.py -rP

throughput: $(VENV)/.ready  ## measure what a delivered span costs, by size and destination, and write perf/throughput.md
	$(BIN)/python -m perf.throughput

bench-masking: $(VENV)/.ready  ## measure masking beside other engines: make bench-masking DATA=file.jsonl SCORER=score.py
	$(BIN)/python -m perf.masking --data $(DATA) --scorer $(SCORER)

bench-page: $(VENV)/.ready  ## fill a store of a million observations below build/, and say what each view of the page reads of it
	$(BIN)/python -m perf.page

sampling-sim: $(VENV)/.ready  ## simulate the budget beside simpler strategies, and write perf/sampling.svg and perf/sampling.md
	$(BIN)/python -m perf.sampling_picture

mutants: $(VENV)/.ready  ## change one thing at a time where a failure would be silent, and write docs/mutants.md: make mutants ROOMS=spool MOST=0
	$(BIN)/python -m tests.mutants $(ROOMS) $(if $(MOST),--most $(MOST)) $(if $(AGAIN),--again)

# The distributions are built in the usual environment, for the Python that is named.
test-install:  ## build sdist and wheel, and run the wheel in an empty environment: make test-install PYTHON=python3.13 LANGFUSE=4
	$(MAKE) $(VENV)/.ready PYTHON=python3
	INSTALL_PYTHON=$$(command -v $(PYTHON)) INSTALL_LANGFUSE=$(LANGFUSE) $(BIN)/python -m pytest tests/installing

lint: $(VENV)/.ready  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## remove what the other targets made
	rm -rf .venv .venv-* build dist *.egg-info examples/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
