#!/usr/bin/env bash
# Every part from only its own lock: a fresh environment, its modules imported, its unit tests run.
# A library that the shared environment happens to have, but the part's lock lacks, fails here.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
for part in "$@"; do
  echo "isolate $part"
  venv=$folder/${part//\//-}
  .venv/bin/uv venv --quiet --python .venv/bin/python "$venv"
  .venv/bin/uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$part/requirements.txt"
  PYTHONPATH=.:protos/gen "$venv/bin/python" - "${part//\//.}" <<'PY'
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, sys.argv[1] + "."):
    last = module.name.rpartition(".")[2]
    if ".tests" in module.name or last == "__main__" or last.startswith("testing"):
        continue
    importlib.import_module(module.name)
main = importlib.util.find_spec(sys.argv[1] + ".__main__")
if main is not None:
    importlib.import_module(sys.argv[1] + ".__main__")
PY
  # Tests that need no engine: the rules and converters of a service.
  mapfile -t plain < <(find "$part" -name 'test_*_domain*.py' -o -name 'test_*_converters*.py')
  if [ "${#plain[@]}" -gt 0 ]; then
    .venv/bin/uv pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements/test.txt
    "$venv/bin/python" -m pytest -q -p no:cacheprovider --noconftest "${plain[@]}"
  fi
done
