"""The long fuzzing, `make fuzz`: every target in turn, then what needs stores and servers.

make fuzz [SECONDS=600] [ONLY=markdown] [CORPUS=.data/fuzz]
"""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

from devstack.parts import CHECKOUT
from tests.fuzz.targets import MODULES, file_of, names

SECONDS = int(os.environ.get("SECONDS") or (sys.argv[1:] or ["600"])[0])
ONLY = os.environ.get("ONLY") or ""
CORPUS = Path(os.environ.get("CORPUS") or CHECKOUT / ".data/fuzz")  # grows from run to run
LEAST = 5  # seconds a target gets
_RAN = re.compile(r"Done (\d+) runs|stat::number_of_executed_units:\s*(\d+)")
_COVERED = re.compile(r"cov: (\d+)")


def steered(module: str, name: str, seconds: int) -> bool:
    """Fuzz one target for so long; whether nothing was found. Inputs and findings are kept."""
    folder = CORPUS / name
    (folder / "inputs").mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "tests.fuzz.steered", module, name, str(folder / "inputs")),
        *(f"-max_total_time={seconds}", "-max_len=2000", "-len_control=0", "-rss_limit_mb=3000"),
        *(f"-artifact_prefix={folder}/found-", "-timeout=30", "-print_final_stats=1"),
    ]
    ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    output = ran.stdout + ran.stderr
    runs = [found[1] or found[2] for found in _RAN.finditer(output)]
    covered = _COVERED.findall(output)
    verdict = "ok" if ran.returncode == 0 else f"FOUND, see {folder}/log"
    told = f"{runs[-1] if runs else '?'} runs, {covered[-1] if covered else '?'} edges"
    print(f"{name}: {told}: {verdict}", flush=True)
    if ran.returncode:
        (folder / "log").write_text(output)
        print("\n".join(line for line in output.splitlines() if line.startswith("FOUND "))[:2000])
    return ran.returncode == 0


def drawn(files: list[str], examples: int, *options: str) -> bool:
    """Let hypothesis draw so many examples of each test; whether all held."""
    seed = secrets.randbelow(1_000_000)
    environment = {**os.environ, "FUZZ_EXAMPLES": str(examples), "FUZZ_SEED": str(seed)}
    print(f"FUZZ_EXAMPLES={examples} FUZZ_SEED={seed} pytest {' '.join(files)}", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "--timeout", "3600"]
    command += [f"--hypothesis-seed={seed}", *options, *files]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode == 0


def main() -> int:
    """0 where nothing was found."""
    targets = [
        (module, name)
        for module in MODULES
        for name in names(module)
        if ONLY.lower() in f"{module}.{name}"
    ]
    files = sorted({file_of(module) for module, _ in targets})
    if importlib.util.find_spec("atheris") is None:
        print("without atheris: hypothesis draws all")
        return 0 if drawn(files, max(1000, 5 * SECONDS)) else 1
    seconds = max(LEAST, SECONDS // max(1, len(targets)))
    print(f"{len(targets)} targets, {seconds} s each")
    good = [steered(module, name, seconds) for module, name in targets]
    steered_names = " or ".join(name for _, name in targets)
    good.append(drawn(files, max(200, SECONDS), "-k", f"not ({steered_names})"))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
