"""The claims of the paper: how many were reproduced, and one row each with its evidence."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import numerals

VERDICTS: Mapping[str, tuple[str, str]] = {
    "reproduced": ("low", "✓"),
    "partly": ("moderate", "◐"),
    "not reproduced": ("critical", "✗"),
}
"""Tone and sign of each verdict; any other word is plain."""


@dataclass(frozen=True)
class Chip:
    """A verdict as a word, a sign and a colour."""

    word: str
    tone: str
    sign: str

    @classmethod
    def of(cls, verdict: object) -> "Chip":
        """Choose by the verdict's word; None is "not tested"."""
        word = "not tested" if verdict is None else str(verdict)
        return cls(word, *VERDICTS.get(word, ("plain", "–")))


def summary(results: Mapping[str, Any]) -> str:
    """
    Count the verdicts in one sentence.

    Parameters
    ----------
    results : Mapping
        The results of a run of experiments.

    Returns
    -------
    str
        Counts of what there is; without claims it says so.

    Examples
    --------
    >>> verdicts = ["reproduced", "partly", "not reproduced", "reproduced"]
    >>> summary({"claims": [{"verdict": verdict} for verdict in verdicts]})
    '2 of 4 claims reproduced, 1 partly, 1 not.'
    >>> summary({"claims": []})
    'This run tests no claim of the paper.'
    """
    claims = results.get("claims") or ()
    counts = Counter(Chip.of(claim.get("verdict")).word for claim in claims)
    if not claims:
        return "This run tests no claim of the paper."
    known = counts["reproduced"]
    start = "All" if known == len(claims) > 1 else "None of" if not known else f"{known} of"
    things = "claim" if len(claims) == 1 else "claims"
    rest = [f"{counts['partly']} partly"] * bool(counts["partly"])
    rest += [f"{counts['not reproduced']} not"] * bool(counts["not reproduced"])
    other = len(claims) - sum(counts[word] for word in VERDICTS)
    rest += [f"{other} not tested"] * bool(other)
    return ", ".join([f"{start} {len(claims)} {things} reproduced", *rest]) + "."


def tally(results: Mapping[str, Any]) -> list[tuple[int, Chip]]:
    """
    Count the claims of each verdict, the best first.

    Parameters
    ----------
    results : Mapping
        The results of a run of experiments.

    Returns
    -------
    list of (count, Chip)
        Without verdicts that no claim has.

    Examples
    --------
    >>> [(count, chip.word) for count, chip in tally({"claims": [{"verdict": "partly"}]})]
    [(1, 'partly')]
    """
    chips = [Chip.of(claim.get("verdict")) for claim in results.get("claims") or ()]
    counts = Counter(chips)
    order = [*VERDICTS, *sorted({chip.word for chip in chips} - set(VERDICTS))]
    return [(counts[chip], chip) for word in order for chip in counts if chip.word == word]


def claim_rows(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Write the table of claims.

    Parameters
    ----------
    results : Mapping
        The results of a run of experiments.

    Returns
    -------
    list of dict
        ``claim``, ``paper``, ``ours``, ``rule``: text; ``chip``: Chip; ``evidence``: list of (setting, value,
        whether it holds in words, tone).
    """
    return [
        {
            "claim": str(claim["claim"]),
            "paper": _text(claim.get("paper")),
            "ours": _text(claim.get("ours")),
            "chip": Chip.of(claim.get("verdict")),
            "rule": str(claim.get("rule") or ""),
            "evidence": [
                (str(entry["setting"]), _text(entry.get("value")), *_held(entry.get("holds")))
                for entry in claim.get("evidence") or ()
            ],
        }
        for claim in results.get("claims") or ()
    ]


def _text(value: object) -> str:
    return numerals.MISSING if value is None else str(value)


def _held(holds: bool | None) -> tuple[str, str]:
    if holds is None:
        return "not measurable", "plain"
    return ("holds", "low") if holds else ("does not hold", "critical")
