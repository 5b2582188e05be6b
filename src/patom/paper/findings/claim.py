"""A claim of the paper, what bears on it, and the one rule by which it is judged."""

from dataclasses import dataclass
from typing import Literal

from patom.results import grid

Verdict = Literal["reproduced", "partly", "not reproduced", "open", "not tested"]


FEW = 4
"""Settings that a claim's row names one by one."""


@dataclass(frozen=True)
class Evidence:
    """What one setting says.

    Parameters
    ----------
    setting : str
    value : str
        What was measured, with its interval.
    holds : bool or None
        Whether the claim's criterion is met; None where one seed cannot tell.
    """

    setting: str
    value: str
    holds: bool | None


@dataclass(frozen=True)
class Claim:
    """A claim, the paper's figure, the criterion and the evidence from every setting that was run.

    ``missing`` is what the claim compares and the run lacks: without it a claim cannot be reproduced, only refuted.
    """

    claim: str
    paper: str
    criterion: str
    evidence: list[Evidence]
    missing: str = ""

    @property
    def verdict(self) -> Verdict:
        """Reproduced: the criterion is met in every setting that can tell. Partly: in some. Not reproduced: in none.

        Not tested: something that it compares is missing, and nothing speaks against it.

        >>> Claim("c", "p", "r", [Evidence("a", "1", True), Evidence("b", "2", False)]).verdict
        'partly'
        """
        answers = [item.holds for item in self.evidence if item.holds is not None]
        if not answers:
            return "open"
        if self.missing and all(answers):
            return "not tested"
        return "reproduced" if all(answers) else "partly" if any(answers) else "not reproduced"

    def shown(self) -> grid.Claim:
        """The claim as the page shows it."""
        return grid.Claim(
            claim=self.claim,
            paper=self.paper,
            ours=self._ours(),
            verdict=self.verdict,
            rule=f"{self.criterion} Reproduced if so in every setting, partly if in some.",
            evidence=[grid.Evidence(setting=one.setting, value=one.value, holds=one.holds) for one in self.evidence],
        )

    def _ours(self) -> str:
        """What was measured, setting by setting; of many settings only in how many the criterion is met."""
        if self.verdict == "not tested":
            return f"not tested: {self.missing}"
        if len(self.evidence) == 1:
            return self.evidence[0].value
        told = [item for item in self.evidence if item.holds is not None]
        met = f"met in {sum(item.holds is True for item in told)} of {len(told)} settings"
        if len(self.evidence) > FEW:
            return met
        return f"{met}: " + "; ".join(f"{item.setting}: {item.value}" for item in self.evidence)
