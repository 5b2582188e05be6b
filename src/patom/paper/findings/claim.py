"""What each setting shows about a claim of the paper, and the one rule by which a claim is judged."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from patom.results.grid import Claim, Evidence

FEW = 3
"""Settings that a claim's row names one by one."""
Answer = tuple[str, bool | None]
"""What a setting shows, in words, and whether it meets the claim's criterion; None where one seed cannot tell."""
Rows = TypeVar("Rows")


def evidence(tested: Mapping[str, Rows], judge: Callable[[Rows], Answer | None]) -> list[Evidence]:
    """What each setting shows; a setting without an answer, which lacks what the claim is about, is left out."""
    answers = ((setting, judge(rows)) for setting, rows in tested.items())
    return [Evidence(setting=setting, value=answer[0], holds=answer[1]) for setting, answer in answers if answer]


def judged(claim: str, paper: str, criterion: str, evidence: list[Evidence], missing: str = "") -> Claim:
    """Judge a claim by the evidence from every setting that was run; ``paper`` is the paper's figure.

    Reproduced: the criterion is met in every setting that can tell. Partly: in some. Not reproduced: in none.
    Not tested: the criterion is met in all of them, but the run lacks something that the claim compares, ``missing``.

    >>> judged("c", "p", "r", [Evidence(setting="a", holds=True), Evidence(setting="b", holds=False)]).verdict
    'partly'
    """
    answers = [item.holds for item in evidence if item.holds is not None]
    if not answers:
        verdict = "open"
    elif all(answers):
        verdict = "not tested" if missing else "reproduced"
    else:
        verdict = "partly" if any(answers) else "not reproduced"
    return Claim(
        claim=claim,
        paper=paper,
        ours=f"not tested: {missing}" if verdict == "not tested" else _ours(evidence, answers),
        verdict=verdict,
        rule=f"{criterion} Reproduced if so in every setting, partly if in some.",
        evidence=evidence,
    )


def _ours(evidence: list[Evidence], answers: list[bool]) -> str | None:
    """What was measured, setting by setting; of many settings only in how many the criterion is met."""
    if len(evidence) == 1:
        return evidence[0].value
    met = f"met in {sum(answers)} of {len(answers)} settings" if answers else "no setting can tell; more seeds may"
    if len(evidence) > FEW:
        return met
    return f"{met}: " + "; ".join(f"{item.setting}: {item.value}" for item in evidence)
