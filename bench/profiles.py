"""Where the CPU of each operation goes: by process, and by function in gateway and forum."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.asking import repeat
from bench.contents import MANAGER, Contents
from bench.measuring import Spent
from bench.operations import NAMES, bodies
from bench.profiled import Samples
from bench.running import Running

OPERATIONS = 400
LINES = 4
SAMPLED = {
    "category": ("gateway", "forum", "directory"),
    "feed": ("gateway", "forum", "directory"),
    "topic": ("gateway", "forum", "directory"),
    "search": ("gateway", "search", "forum"),
    "reply": ("gateway", "forum", "search"),
}
_MOST = 8  # functions of a process


@dataclass
class Found:
    """Samples by operation and process, and the CPU of all processes."""

    spent: dict[str, Spent] = field(default_factory=lambda: {name: Spent() for name in NAMES})
    samples: dict[str, dict[str, Samples]] = field(default_factory=dict)


async def measure(running: Running, contents: Contents) -> Found:
    """One operation after the other."""
    found = Found()
    for name in NAMES:
        lines = running.lines(MANAGER, LINES)
        running.sample(*SAMPLED[name])
        before = running.watched.cpu()
        await repeat(lines, bodies(name, contents, 77), OPERATIONS)
        if name == "reply":
            await running.at_rest()
        found.spent[name].add(before, running.watched.cpu(), OPERATIONS)
        found.samples[name] = {part: await running.sampled(part) for part in SAMPLED[name]}
        for line in lines:
            line.close()
    return found


def report(found: Found) -> list[str]:
    """The section's lines."""
    lines = [
        f"{OPERATIONS} operations each, parts sampled every 2 ms of their CPU. Share of the whole "
        "system's CPU by process, then for each sampled process its packages and the functions "
        "(self time; C counts for the Python that called it).",
        "",
    ]
    for name, title in NAMES.items():
        spent = found.spent[name]
        shares = sorted(
            ((spent.of(part) / spent.total, part) for part in spent.names), reverse=True
        )
        whole = ", ".join(f"{part} {100 * share:.0f} %" for share, part in shares if share >= 0.01)
        lines += [f"### {title[0].upper()}{title[1:]}", "", whole + ".", ""]
        lines += ["| process | packages | functions |", "| --- | --- | --- |"]
        for part, samples in found.samples[name].items():
            total = sum(count for _, count in samples["packages"])
            packages, functions = (
                "<br>".join(
                    f"{100 * count / total:.0f} % {_short(what)}"
                    for what, count in samples[kind][:_MOST]
                )
                for kind in ("packages", "functions")
            )
            lines.append(f"| {part} | {packages} | {functions} |")
        lines.append("")
    return lines[:-1]


def _short(function: str) -> str:
    return f"`{function.replace('<', '').replace('>', '').replace('.locals.', '')}`"
