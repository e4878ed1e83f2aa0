# One command each. Everything runs from .venv, which `make setup` builds from constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := models streams jobs detectors sinks storage kpis dashboards reports api collector simulator embedded cli tracker benchmarks examples tests tools hatch_build.py

.PHONY: setup sbom env demo test test-long test-readme test-accessibility test-kafka test-faults fuzz soak test-grafana test-typescript test-typescript-kafka test-typescript-volume check bench bench-setup bench-latency bench-detection bench-churn bench-kpis bench-collector bench-tracker bench-instructions bench-scale bench-growth bench-disk bench-experiments bench-feedback lock clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.ready ## build .venv with exactly the versions and hashes of constraints.txt

# uv installs in seconds what takes pip a minute; where uv cannot reach an index that pip is configured for, pip does it.
.venv/.ready: constraints.txt pyproject.toml tracker/pyproject.toml hatch_build.py streams/json_columns.c
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; run make with PYTHON=/path/to/python3.11")'
	@echo "Installing the pinned dependencies into .venv ..."
	@$(PYTHON) -m venv .venv
	@awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' constraints.txt > .venv/uv.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes constraints.txt \
		|| $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e . -e tracker
	@ls streams/json_columns.*.so > /dev/null 2>&1 \
		|| echo "streams/json_columns.c was not compiled: workers will be slower. 'romashka doctor' says what to install"
	@touch $@

env: setup ## passwords and keys of an installation, once, into .env
	@$(BIN)/romashka init

demo: setup ## 30 days of history and live traffic through the real pipeline, in this terminal
	@$(BIN)/romashka demo $(ARGS)

test: setup ## the suite on the embedded stack, a file at a time on each of two cores
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 15 -m "not long" $(ARGS)

test-long: setup ## the tests that take longest: faults, exactness in volume, canaries, backups, every statement
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 15 -m long $(ARGS)

test-readme: setup ## the commands of README as they stand in it, from the first event to the API
	@ROMASHKA_TEST_README=1 $(BIN)/pytest tests/integration/test_readme.py -s $(ARGS)

test-accessibility: setup ## axe-core and contrast over every preview page and report, light and dark; needs Chromium
	@ROMASHKA_TEST_ACCESSIBILITY=1 $(BIN)/pytest tests/integration/week/test_accessibility.py $(ARGS)

test-kafka: setup ## the integration tests again, on Apache Kafka 4 started from its Maven artifacts
	@tests/kafka/run $(ARGS)

test-grafana: setup ## every tab, link and alert message in a real Grafana and Chromium; pictures and times into build/grafana
	@$(BIN)/pytest tests/grafana $(ARGS)

test-faults: setup ## every fault at full length, on the embedded broker and on Apache Kafka; writes docs/reliability.md
	@$(BIN)/python -m tests.faults $(ARGS)

fuzz: setup ## random inputs to decoder, columns, HTTP front, API and collector; writes how many into docs/reliability.md
	@$(BIN)/python -m tests.fuzz $(ARGS)

soak: setup ## a worker at a steady rate: memory, parts and open files over time, into docs/reliability.md
	@$(BIN)/python -m tests.soak $(ARGS)

test-typescript: setup ## the TypeScript tracker: types, build, tests on the embedded stack (Node 20.19.4 or newer)
	@$(BIN)/python -m tests.typescript $(ARGS)

test-typescript-kafka: setup ## the same on Apache Kafka started from its Maven artifacts
	@$(BIN)/python -m tests.typescript --apache $(ARGS)

test-typescript-volume: setup ## 100,000 events from Node through Kafka and as many through the collector, counted in ClickHouse
	@$(BIN)/python -m tests.typescript --volume $(ARGS)

check: setup ## formatting, lint, types, architecture, generated files
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/romashka schema --check
	@$(BIN)/romashka schema --sql --check
	@$(BIN)/romashka dashboards --check
	@$(BIN)/romashka kpi docs --check

bench-setup: setup ## Quix Streams and sentry-arroyo, which `make bench` compares us with
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --require-hashes --no-deps -r benchmarks/peers/constraints.txt

bench: setup ## throughput beside the same job on other frameworks, in one run
	@$(BIN)/python -m benchmarks.throughput $(ARGS)

bench-latency: setup ## how long until an event is visible, how soon a killed worker is replaced, what idling costs
	@$(BIN)/python -m benchmarks.latency $(ARGS)

bench-detection: setup ## performance and general series beside river's own detectors, and every kind of quiet series
	@$(BIN)/python -m benchmarks.detection $(ARGS)
	@$(BIN)/python -m benchmarks.detection.value_table
	@$(BIN)/python -m benchmarks.detection.value_quiet

bench-churn: setup ## churn, upsell and forecasts with delayed labels
	@$(BIN)/python -m benchmarks.detection.churn $(ARGS)

bench-kpis: setup ## every key figure over 100 million queries
	@$(BIN)/python -m benchmarks.kpis $(ARGS)

bench-collector: setup ## what one collector process takes on one core, and how long an answer takes at 1,000 requests/s
	@$(BIN)/python -m benchmarks.collector $(ARGS)

bench-tracker: setup ## what a call of the Python tracker costs, beside json.dumps and a bare producer
	@$(BIN)/python -m benchmarks.tracker $(ARGS)

bench-instructions: setup ## instructions an event of the hot paths; ARGS=--check compares them with the baseline; needs valgrind
	@$(BIN)/python -m benchmarks.instructions $(ARGS)

bench-experiments: setup ## coverage of intervals, A/A tests and power of plans over simulated experiments
	@$(BIN)/python -m benchmarks.experiments $(ARGS)

bench-feedback: setup ## false alarms and recall over simulated quarters while thresholds follow verdicts
	@$(BIN)/python -m benchmarks.feedback $(ARGS)

bench-scale: setup ## one and two workers on a backlog, and a rebalance while it is read
	@$(BIN)/python -m benchmarks.scale $(ARGS)

bench-growth: setup ## memory of a worker by series, up to a million, and the leader's jobs by tenants
	@$(BIN)/python -m benchmarks.growth $(ARGS)

bench-disk: setup ## what events take on ClickHouse's disk, by table
	@$(BIN)/python -m benchmarks.disk $(ARGS)

sbom: setup ## bill of materials (CycloneDX) and licences of what the image installs, into build/
	@mkdir -p build
	@$(BIN)/cyclonedx-py environment .venv/bin/python --pyproject pyproject.toml --mc-type application \
		--output-reproducible --output-format JSON --output-file build/sbom.json
	@$(BIN)/python -m tools.sbom build/sbom.json > build/licences.md
	@echo "build/sbom.json and build/licences.md"

lock: setup ## resolve constraints.txt again
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --quiet --upgrade --output-file constraints.txt

clean: ## remove .venv and every cache
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
