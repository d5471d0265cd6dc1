# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets.

PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
ENGINE_SOURCES := $(shell find media/engine -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.lock' -o -name '*.py' -o -name '*.pyi' \) -not -path '*/target/*' -not -path '*/tests/*')

.DEFAULT_GOAL := help
.PHONY: help run test test-unit test-e2e test-engine testcall lint format bench chaos engine proto pins docs need-python need-rust

help: ## list the targets
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## / {printf "  make %-24s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.engine ## install, migrate, create demo data, start everything, print where to dial in
	@$(MANAGE) switchboard $(ARGS)

test: test-engine test-unit test-e2e ## all tests that CI runs

test-engine: $(VENV)/.dev
	cd media/engine && cargo test --quiet --workspace --exclude switchboard-engine-python

test-unit: $(VENV)/.dev
	$(BIN)/pytest -q --reruns 2 -m "not e2e" $(ARGS)

test-e2e: $(VENV)/.dev
	@for tool in sipp baresip bwrap chromium; do command -v $$tool >/dev/null || { echo "make test needs $$tool: apt-get install sip-tester baresip-core postgresql redis-server nats-server bubblewrap iproute2 systemd chromium"; exit 1; }; done
	$(BIN)/pytest -q --reruns 2 --reruns-delay 2 -m e2e $(ARGS)

testcall: $(VENV)/.engine ## place a real call through the running server and print a scorecard
	@$(MANAGE) testcall $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy, import rules, dependencies, spelling, Django's checks, rustfmt, clippy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/codespell
	$(MANAGE) check
	$(MANAGE) makemigrations --check --dry-run
	cd media/engine && cargo fmt --check && cargo clippy --quiet --workspace --all-targets -- -D warnings

format: $(VENV)/.dev ## bring all code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd media/engine && cargo fmt

bench: $(VENV)/.dev ## run the benchmarks (bench/README.md tells what each measures)
	$(BIN)/pip install --quiet -r bench/requirements.txt
	$(BIN)/python -m bench.relay $(ARGS)
	$(BIN)/python -m bench.signalling $(ARGS)
	$(BIN)/python -m bench.memory $(ARGS)
	$(BIN)/python -m bench.live

chaos: $(VENV)/.dev ## kill, freeze and restart all that calls can do without, under calls (SECONDS=5 ROUNDS=3)
	$(BIN)/python -m bench.chaos --seconds $(or $(SECONDS),5) --rounds $(or $(ROUNDS),3) $(ARGS)

engine: $(VENV)/.engine ## build and install the Rust engine

proto: $(VENV)/.dev ## generate the gRPC code from media/control/proto
	$(BIN)/python -m media.control.generate

pins: $(VENV)/.dev ## compile the exact pins from requirements*.in
	$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --no-header --no-annotate --no-emit-index-url requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --no-header --no-annotate --no-emit-index-url requirements-dev.in -o requirements-dev.txt

docs: $(VENV)/.dev ## generate the pages of docs/ that are made from the code
	$(MANAGE) configdoc > docs/configuration.md
	$(BIN)/python -m signaling.sip.diagrams > docs/states.md
	$(MANAGE) spectacular --format openapi-json --file docs/openapi-ui.json
	$(BIN)/python -m switchboard.events.schema
	$(BIN)/python -m switchboard.events.page
	DJANGO_SETTINGS_MODULE=signaling.api.settings $(BIN)/python -m signaling.api.schema

# --- Images and Kubernetes (docs/deployment.md) ---

DOCKER  ?= docker
KUBECTL ?= kubectl
K3S     ?= sudo k3s
K8S     ?= deploy/k8s
IMAGES  ?= var/images
ROLES   := signaling rtpmanager ui

.PHONY: docker-build docker-build-signaling docker-build-rtpmanager docker-build-ui docker-save
.PHONY: k8s-secrets k8s-load k8s-deploy k8s-delete k8s-status k8s-logs k8s-restart k8s-migrate

docker-build: docker-build-signaling docker-build-rtpmanager docker-build-ui ## build all Docker images

docker-build-signaling: ## build the image switchboard-signaling:latest
	$(DOCKER) build -f deploy/docker/Dockerfile.signaling -t switchboard-signaling:latest .

docker-build-rtpmanager: ## build the image switchboard-rtpmanager:latest
	$(DOCKER) build -f deploy/docker/Dockerfile.rtpmanager -t switchboard-rtpmanager:latest .

docker-build-ui: ## build the image switchboard-ui:latest
	$(DOCKER) build -f deploy/docker/Dockerfile.ui -t switchboard-ui:latest .

docker-save: ## save the images to tar files
	@mkdir -p $(IMAGES)
	@set -e; for role in $(ROLES); do echo "saving $(IMAGES)/switchboard-$$role.tar"; $(DOCKER) save -o $(IMAGES)/switchboard-$$role.tar switchboard-$$role:latest; done

k8s-secrets: ## make secrets of this installation's own for deploy/k8s-production
	@deploy/make-secrets.sh deploy/k8s-production/secrets

k8s-load: ## load the images into k3s
	@set -e; for role in $(ROLES); do $(K3S) ctr images import $(IMAGES)/switchboard-$$role.tar; done

k8s-deploy: k8s-load k8s-migrate ## full deploy: load the images and apply the manifests (K8S=deploy/k8s-production)
	$(KUBECTL) apply -k $(K8S)/

k8s-delete: ## remove all resources
	$(KUBECTL) delete -k $(K8S)/ --ignore-not-found

k8s-status: ## show the state of the deployment
	@echo "=== Pods ==="
	@$(KUBECTL) get pods -n switchboard
	@echo "=== Services ==="
	@$(KUBECTL) get services -n switchboard

k8s-logs: ## follow the logs of all pods
	$(KUBECTL) logs -n switchboard -l app.kubernetes.io/part-of=switchboard --all-containers --prefix --tail=50 --max-log-requests=20 -f

k8s-restart: k8s-migrate ## restart the roles, after new images were loaded
	$(KUBECTL) apply -k $(K8S)/
	$(KUBECTL) rollout restart -n switchboard deployment/signaling deployment/ui deployment/cdrs deployment/worker statefulset/rtpmanager

k8s-migrate:
	@# A job cannot be changed and a finished one does not run again: the next apply makes a new one.
	$(KUBECTL) delete job migrate -n switchboard --ignore-not-found

$(VENV)/.python: requirements.txt | need-python
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.engine: $(VENV)/.python $(ENGINE_SOURCES) | need-rust
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall ./media/engine
	@touch $@

$(VENV)/.dev: $(VENV)/.engine requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

need-python:
	@command -v $(PYTHON) >/dev/null || { echo "Switchboard needs Python 3.11 (apt-get install python3.11 python3.11-venv), or set PYTHON=/path/to/python3.11"; exit 1; }

need-rust:
	@command -v cargo >/dev/null || { echo "Switchboard needs Rust to build its media engine: see https://rustup.rs, then run make again"; exit 1; }
	@command -v cc >/dev/null || { echo "Switchboard needs a C compiler to build its media engine (apt-get install gcc)"; exit 1; }
