"""A report's tables as Markdown, and their places in ``docs/benchmarks.md``."""

from typing import Any

from benchmarks import places
from benchmarks.parts import sheets


def markdown(report: dict[str, Any]) -> str:
    """All tables of a report under their parts' names, and what it was measured on."""
    by_part = _by_part(report)
    return "\n".join([measured_on(report), "", *(f"### {name}\n\n{tables}" for name, tables in by_part.items())])


def filled(text: str, report: dict[str, Any]) -> str:
    """The text with a report's tables in their places; ``machine`` is what it was measured on."""
    return places.filled(text, {"machine": measured_on(report)} | _by_part(report))


def measured_on(report: dict[str, Any]) -> str:
    """Date, machine, versions, rounds, and who was skipped."""
    facts, settings = report["machine"], report["settings"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    load = "unknown" if facts["load_before"] is None else f"{facts['load_before']:.1f}"
    minutes = sum(settings["seconds"].values()) / 60.0
    skipped = ", ".join(settings["skipped"]) or "nobody"
    return (
        f"Measured {facts['utc'][:10]}, {facts['processor']}, {facts['cores']} cores, load {load} before; Python "
        f"{facts['python']}, {versions}; rounds: {settings['rounds']}; not installed: {skipped}; {minutes:.0f} minutes."
    )


def _by_part(report: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, sheet in sheets(report):
        found[name] = "\n".join([found[name], sheet.markdown()]) if name in found else sheet.markdown()
    return found
