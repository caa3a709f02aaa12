#!/usr/bin/env bash
# The generators of both clients, each in a folder of its own, and what they generate.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}

if [ ! -e python/.venv/.installed ] || [ python/requirements.txt -nt python/.venv/.installed ]; then
  "$python" -m venv python/.venv
  python/.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r python/requirements.txt
  touch python/.venv/.installed
fi
(cd python && .venv/bin/ariadne-codegen >/dev/null)

if command -v npm >/dev/null; then
  if [ ! -e typescript/node_modules ] || [ typescript/package-lock.json -nt typescript/node_modules ]; then
    (cd typescript && npm ci --silent)
    touch typescript/node_modules
  fi
  (cd typescript && npm run --silent generate && npm run --silent build)
fi
