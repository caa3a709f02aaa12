# Everything a person or CI runs. `make` alone prints this list.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3.11
WORKERS ?= 3
WORLDS ?= 20000
CASES ?= 20000
BIN := .venv/bin
PARTS := $(patsubst %/requirements.in,%,$(sort $(wildcard services/*/requirements.in))) gateway devstack
PROTO_FILES := $(shell find protos/guildhall -name '*.proto')
export PYTHONPATH := .:protos/gen
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help run bench alarm chaos differential documents documents-check fuzz worlds test check format lint types imports layout isolate lock protos release sdl setup token import export receipts rotate clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: setup ## start everything on this machine; Ctrl-C stops it
	@exec $(BIN)/python -m devstack

test: setup ## all tests from nothing, on real engines
	$(BIN)/pytest --numprocesses $(WORKERS) --no-loadscope-reorder

token: ## print an access token: make token PERSON=engineer@kestrel.example
	@$(BIN)/python -m devstack.token "$(PERSON)"

import: ## import another community: make import FILE=Posts.xml SPACE=aurora/general
	@$(BIN)/python -m devstack.importer "$(FILE)" "$(SPACE)"

export: ## export a community: make export COMMUNITY=aurora FILE=aurora.jsonl OF=me
	@$(BIN)/python -m devstack.exporter "$(COMMUNITY)" "$(FILE)" $(if $(OF),--of "$(OF)")

receipts: ## who was told an announcement: make receipts ANNOUNCEMENT=id FILE=told.csv STATES="OVERDUE"
	@$(BIN)/python -m devstack.receipts "$(ANNOUNCEMENT)" "$(FILE)" $(if $(STATES),--states $(STATES))

documents: ## register a portal's documents: make documents PORTAL=id FILES="queries/*.graphql"
	@$(BIN)/python -m devstack.documents "$(PORTAL)" $(FILES)

documents-check: setup ## which documents a schema would break: make documents-check SCHEMA=gateway/schema.graphql FILES="*.graphql"
	@GATEWAY_MONGO_URI="$${GATEWAY_MONGO_URI:-mongodb://127.0.0.1:$$(( $${GUILDHALL_PORT:-8080} + 2 ))/?replicaSet=rs0}" \
	  $(BIN)/python -m gateway.portals "$(SCHEMA)" $(FILES)

chaos: setup ## kill everything in turn and count: make chaos COMMANDS=20000 SEED=7
	$(BIN)/python -m tests.chaos

worlds: setup ## random worlds behind walls, against a plain model: make worlds WORLDS=20000
	WORLDS=$(WORLDS) $(BIN)/pytest -q -s -n0 --timeout 0 tests/walls/test_walls_worlds.py

fuzz: setup ## look for inputs that break a promise: make fuzz SECONDS=600 ONLY=markdown
	$(BIN)/python -m tests.fuzz

differential: setup ## compiled execution against the library's: make differential CASES=20000
	DIFFERENTIAL=$(CASES) $(BIN)/pytest -q -s -n0 --timeout 0 gateway/tests/test_gateway_execution.py

bench: setup ## measure against floors and write docs/figures.md: make bench ONLY="gateway whole"
	$(BIN)/python -m bench $(ONLY)

alarm: setup ## fail where the gateway takes more than twice what its hand-written floor does
	$(BIN)/python -m bench.alarm

rotate: ## give a demo issuer a new signing key: make rotate ISSUER=kestrel
	@$(BIN)/python -m devstack.openid rotate "$(ISSUER)"

check: lint types imports isolate test ## what CI asks of every change

lint: setup protos ## ruff, buf, and what changes break
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd protos && ../$(BIN)/buf lint && ../$(BIN)/buf format --diff --exit-code
	cd protos && ../$(BIN)/buf breaking --against released.binpb.gz
	$(BIN)/python -m gateway.schema.changes
	$(BIN)/python -m gateway.portals gateway/schema.graphql sdk/operations/*.graphql
	for file in sdk/embed/operations/*.graphql; do $(BIN)/python -m gateway.portals gateway/schema.graphql $$file; done

format: setup ## rewrite in our style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd protos && ../$(BIN)/buf format -w

types: setup ## mypy strict
	$(BIN)/mypy .

imports: setup ## who may import whom
	$(BIN)/lint-imports

isolate: setup ## each part in an environment of its own lock
	tests/isolate.sh chassis $(PARTS)

layout: setup ## rooms, lengths, docstrings, locks
	$(BIN)/pytest -q tests/test_layout.py

sdl: setup ## print the GraphQL schema into gateway/schema.graphql
	$(BIN)/python -m gateway.schema

release: setup ## what the next changes are held to: the schema and the protos as they are now
	cp gateway/schema.graphql gateway/released.graphql
	cd protos && ../$(BIN)/buf build --exclude-source-info -o released.binpb.gz

setup: .venv/.installed protos/gen/.generated

.venv/.installed: requirements/dev.txt requirements/bootstrap.txt
	@echo "installing into .venv (once; a minute or two) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt \
	  || $(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

protos: protos/gen/.generated ## generate Python from protos/

protos/gen/.generated: $(PROTO_FILES) .venv/.installed
	@rm -rf protos/gen && mkdir -p protos/gen
	@$(BIN)/python -m grpc_tools.protoc -Iprotos --python_out=protos/gen --grpc_python_out=protos/gen \
	  --mypy_out=quiet:protos/gen --mypy_grpc_out=quiet:protos/gen $(PROTO_FILES)
	@touch $@

UV_COMPILE := uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate

lock: ## fix all versions: dev.txt first, then each part's lock from it
	$(UV_COMPILE) $(UPGRADE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(UV_COMPILE) $(UPGRADE) requirements/dev.in -o requirements/dev.txt
	$(UV_COMPILE) requirements/test.in -c requirements/dev.txt -o requirements/test.txt
	for part in chassis $(PARTS); do \
	  $(UV_COMPILE) $$part/requirements.in -c requirements/dev.txt -o $$part/requirements.txt; done

clean: ## remove what was generated and installed; keeps .data
	rm -rf .venv protos/gen .mypy_cache .ruff_cache .pytest_cache
	rm -rf sdk/python/.venv sdk/python/guildhall_client sdk/typescript/{generated,built}
