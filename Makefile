# Two commands are enough: `make demo` and `make test`. The rest is for people who change the code.
.DEFAULT_GOAL := help
.PHONY: help demo test check live golden bench lock wheel clean .servers .checked .collected

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8050
DAYS ?= 30
# A file is one worker's: what its tests share is made once. Many wait for servers, so three workers keep two cores busy.
WORKERS := --numprocesses 3 --dist loadfile --no-loadscope-reorder

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/.installed: pyproject.toml requirements.lock .ci/virtualenv
	@bash .ci/virtualenv $(PYTHON) $(VENV) runtime
	@touch $@

$(VENV)/.installed-tests: pyproject.toml requirements.lock .ci/virtualenv
	@bash .ci/virtualenv $(PYTHON) $(VENV) test
	@touch $(VENV)/.installed $@

demo: $(VENV)/.installed  ## the dashboards on a simulated estate, on loopback; prints the URL
	@$(BIN)/observatory demo --port $(PORT) --days $(DAYS)

test:  ## everything that CI runs: format, lint, types, import contract, tests, docs
	@$(MAKE) --no-print-directory --jobs 3 .servers .checked .collected
	@$(BIN)/pytest $(WORKERS)

check: $(VENV)/.installed-tests  ## the quick part of `make test`: no servers, no browser
	@$(BIN)/ruff format .
	@$(MAKE) --no-print-directory .checked
	@$(BIN)/pytest $(WORKERS) -m "not integration and not browser"

.servers:
	@bash .ci/system-packages prometheus rabbitmq-server chromium-headless-shell victoria-metrics \
	  redis-server prometheus-redis-exporter nats-server mosquitto clickhouse-server

.checked: $(VENV)/.installed-tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Tests and what they import are compiled once here, and not by each worker.
.collected: $(VENV)/.installed-tests
	@told=$$(env --unset=PYTHONDONTWRITEBYTECODE $(BIN)/pytest --collect-only -qq 2>&1) || { echo "$$told"; exit 1; }

live:  ## servers for tests that Debian and PyPI do not have: a collector, Prometheus 3, a registry; needs Go and Maven
	@bash .ci/live-servers "$${XDG_CACHE_HOME:-$$HOME/.cache}/observatory-tests/bin"
	@bash .ci/prometheus-3
	@bash .ci/live-java "$${XDG_CACHE_HOME:-$$HOME/.cache}/observatory-tests"

golden: $(VENV)/.installed-tests  ## write the golden files anew; read the diff before you commit it
	@$(BIN)/pytest $(WORKERS) -m "not integration and not browser" --update-golden

bench: $(VENV)/.installed-tests  ## measure: every bench prints both sides and the ratio of one run
	@for bench in tests/bench/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

lock: $(VENV)/.installed-tests  ## resolve the exact versions anew
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --group test --universal --no-header --no-annotate --no-emit-index-url \
	  --upgrade --quiet --output-file requirements.lock

wheel: $(VENV)/.installed-tests  ## build the wheel into dist/
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist

clean:  ## remove what the targets made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache tests/artefacts
