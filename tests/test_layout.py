"""The house's own rules: rooms, lengths, docstrings, locks, and a test for every RPC."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from devstack import parts

ROOT = Path(__file__).parent.parent
MOST_LINES = 400
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "core", "misc"}


def _listed() -> list[str]:
    """What git knows or would add, so that an unadded file is held to the rules too."""
    return subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()


def tracked(*suffixes: str) -> list[Path]:
    """The files of this checkout that end so."""
    paths = (ROOT / line for line in _listed())
    return [path for path in paths if path.suffix in suffixes and path.exists()]


PYTHON = tracked(".py")
SERVICES = sorted({path.parts[-2] for path in PYTHON if path.match("services/*/__init__.py")})
# The top of the checkout is a closed list: a new room has a decision in docs/adr.
ROOMS = {
    ".ci", "bench", "chassis", "devstack", "docs", "gateway", "protos", "requirements", "sdk",
    "services", "tests",
}  # fmt: skip
PARTS = ("chassis", "gateway", "devstack", *(f"services/{name}" for name in SERVICES))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_module_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    lines = text.count("\n")
    is_test = path.name.startswith("test_")
    assert is_test or lines <= MOST_LINES, f"{lines} lines: make it a package of the same name"
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module says in one line what belongs in it"


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_no_room_is_a_cupboard(path: Path) -> None:
    assert not FORBIDDEN_NAMES & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}


def test_rooms_are_a_closed_list() -> None:
    assert {line.partition("/")[0] for line in _listed() if "/" in line} == ROOMS


@pytest.mark.parametrize("part", PARTS)
def test_part_has_its_lock(part: str) -> None:
    assert (ROOT / part / "requirements.in").exists()
    assert "--hash=sha256:" in (ROOT / part / "requirements.txt").read_text()


@pytest.mark.parametrize("part", [*(f"services/{s}" for s in SERVICES), "gateway"])
def test_part_has_a_readme(part: str) -> None:
    text = (ROOT / part / "README.md").read_text()
    if part.startswith("services/"):
        for heading in ("Owns", "Offers", "Says", "Hears"):
            assert re.search(rf"\b{heading}\b", text), f"README.md lacks {heading}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("**/requirements*.txt")), ids=name)
def test_lock_names_no_address(path: Path) -> None:
    if ".venv" in path.parts:
        return
    text = path.read_text()
    for forbidden in ("://", "--index", "--find-links", "--extra-index"):
        assert forbidden not in text


def test_locks_of_npm_name_no_registry() -> None:
    locks = [path for path in tracked(".json") if path.name == "package-lock.json"]
    assert len(locks) > 1
    assert [name(path) for path in locks if '"resolved"' in path.read_text()] == []


def _pins(path: Path) -> set[str]:
    """What a lock fixes. Markers left out: where only one needs it, it may be on fewer systems."""
    return set(re.findall(r"^([a-z0-9._-]+==[^\\\s]+)", path.read_text(), re.M))


@pytest.mark.parametrize("part", PARTS)
def test_part_has_the_versions_that_all_have(part: str) -> None:
    assert _pins(ROOT / part / "requirements.txt") <= _pins(ROOT / "requirements/dev.txt")


@pytest.mark.parametrize("part", PARTS)
def test_part_is_in_the_environment_that_all_share(part: str) -> None:
    assert f"-r ../{part}/requirements.in" in (ROOT / "requirements/dev.in").read_text().split("\n")


def test_devstack_runs_every_service() -> None:
    assert sorted(service.name for service in parts.SERVICES) == SERVICES


def _rpcs(service: str) -> list[str]:
    protos = (ROOT / f"protos/guildhall/{service}/v1").glob("*.proto")
    text = "\n".join(path.read_text() for path in protos)
    return re.findall(r"^\s*rpc (\w+)\(", text, re.M)


@pytest.mark.parametrize("service", SERVICES)
def test_every_rpc_is_served_and_tested(service: str) -> None:
    folder = ROOT / "services" / service
    served = "\n".join(p.read_text() for p in folder.glob("servicer*") if p.is_file())
    served += "\n".join(p.read_text() for p in folder.glob("servicer/**/*.py"))
    tests = "\n".join(p.read_text() for p in folder.glob("tests/test_*servicer*.py"))
    for rpc in _rpcs(service):
        assert f"async def {rpc}(" in served, f"{rpc} is not served"
        assert re.search(rf'[."]{rpc}\b', tests), f"{rpc} has no servicer test"


@pytest.mark.parametrize("service", SERVICES)
def test_every_domain_event_is_said_somewhere(service: str) -> None:
    text = (ROOT / f"protos/guildhall/{service}/v1/domain_events.proto").read_text()
    source = "\n".join(p.read_text() for p in (ROOT / "services" / service).rglob("*.py"))
    for message in re.findall(r"^message (\w+)", text, re.M):
        assert re.search(rf"\b{message}\(", source), f"{message} is never said"
