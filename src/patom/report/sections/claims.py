"""The claims of the paper: how many were reproduced, and one row each with its evidence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from patom.report import numerals
from patom.results.grid import Claim

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
    def of(cls, verdict: str | None) -> "Chip":
        """Choose by the verdict's word; None is "not tested"."""
        word = "not tested" if verdict is None else verdict
        return cls(word, *VERDICTS.get(word, ("plain", "–")))


@dataclass(frozen=True)
class ClaimRow:
    """A row of the table; ``evidence``: setting, value, whether the claim holds in words, and a tone."""

    claim: str
    paper: str
    ours: str
    chip: Chip
    rule: str
    evidence: list[tuple[str, str, str, str]]


def summary(claims: Sequence[Claim]) -> str:
    """Count the verdicts in one sentence.

    >>> verdicts = ["reproduced", "partly", "not reproduced", "reproduced"]
    >>> summary([Claim(claim="", verdict=verdict) for verdict in verdicts])
    '2 of 4 claims reproduced, 1 partly, 1 not.'
    >>> summary([])
    'This run tests no claim of the paper.'
    """
    counts = Counter(Chip.of(claim.verdict).word for claim in claims)
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


def tally(claims: Sequence[Claim]) -> list[tuple[int, Chip]]:
    """Count the claims of each verdict that there is, the best first.

    >>> [(count, chip.word) for count, chip in tally([Claim(claim="", verdict="partly")])]
    [(1, 'partly')]
    """
    chips = [Chip.of(claim.verdict) for claim in claims]
    counts = Counter(chips)
    order = [*VERDICTS, *sorted({chip.word for chip in chips} - set(VERDICTS))]
    return [(counts[chip], chip) for word in order for chip in counts if chip.word == word]


def rows(claims: Sequence[Claim]) -> list[ClaimRow]:
    """Write the table of claims."""
    return [
        ClaimRow(
            claim.claim,
            claim.paper or numerals.MISSING,
            claim.ours or numerals.MISSING,
            Chip.of(claim.verdict),
            claim.rule,
            [(one.setting, one.value or numerals.MISSING, *_held(one.holds)) for one in claim.evidence],
        )
        for claim in claims
    ]


def _held(holds: bool | None) -> tuple[str, str]:
    if holds is None:
        return "not measurable", "plain"
    return ("holds", "low") if holds else ("does not hold", "critical")
