"""What a user may set about an audit."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, get_args

from patom.models.settings import require_at_least, require_choice

Optimiser = Literal["ascent", "patom"]
RegionName = Literal["ball", "own_data"]
ATTACKS, REGIONS = get_args(Optimiser), get_args(RegionName)

DEFAULT_BUDGETS = (0.05, 0.1, 0.2, 0.3)
LARGEST_BUDGET = 100.0


@dataclass(frozen=True)
class AuditSettings:
    """Settings of an audit; the defaults take one to two minutes on two cores for the digits.

    Parameters
    ----------
    budgets : tuple of float, optional
        Injected rows over clean rows of an attacking task. Without them, the usual ones that inject rows.
    n_seeds : int
        Attacks of each kind and budget, each with its own draw of target tasks, test rows and starting rows; fewer
        where fewer draws exist. A single seed has no interval, so that nothing can be said of the risk.
    seed : int
        All draws follow from it.
    attack : {"ascent", "patom"}
        How injected rows are optimised: ``ProjectedAscent`` on the exact gradient, which moves features and targets
        and is the strongest attack of this package, or the paper's.
    keep_labels : bool
        Leave the targets of injected rows as drawn from the task's own: for attackers who cannot choose them. PATOM
        always does.
    region : {"ball", "own_data"}
        Where injected rows may lie: anywhere in the unit ball that holds the training rows, or only where they look
        like clean rows of their task and class (``OwnData``), so that a filter of rows does not drop them.
    iterations : int, optional
        The attack's ``max_iter``; None leaves it at the attack's own default.
    step_size : float, optional
        The paper's eta, for ``attack="patom"`` only; None lets pilot attacks choose among
        ``patom.audit.step_sizes.STEP_SIZES`` by the attacker's own utility.
    exposure_budget : float
        Budget of each attack of one task on another; the largest of ``budgets`` where it injects no row.
    shown_tasks : int
        Most tasks in the exposure map and the correlation maps: targets and attackers, if given, then those with
        the most training rows.
    lambda_1, lambda_2 : float, optional
        Given together, or chosen by cross-validation.
    loss : str, optional
        The estimator's default if None.
    targets, attackers : tuples of task labels, optional
        Fixed instead of drawn for each seed. Attackers serve the indirect attacks; a direct one attacks through
        its targets.
    accounts : tuple of int
        Numbers of new accounts that an attacker opens, whose targets are all tasks; empty for no such attacks.
    account_rows : int
        Rows of each new account.
    confidence : float
        Of the intervals over seeds (Student's t).
    """

    budgets: tuple[float, ...] | None = None
    n_seeds: int = 5
    seed: int = 0
    attack: Optimiser = "ascent"
    keep_labels: bool = False
    region: RegionName = "ball"
    iterations: int | None = None
    step_size: float | None = None
    exposure_budget: float = 0.2
    shown_tasks: int = 12
    lambda_1: float | None = None
    lambda_2: float | None = None
    loss: str | None = None
    targets: tuple[Hashable, ...] | None = None
    attackers: tuple[Hashable, ...] | None = None
    accounts: tuple[int, ...] = (1, 3, 10, 30)
    account_rows: int = 2
    confidence: float = 0.95

    def __post_init__(self) -> None:
        owner = "the audit"
        for budget in self.budgets or ():
            require_at_least(owner, 0.0, strict=True, budget=budget)
            if budget > LARGEST_BUDGET:
                raise ValueError(
                    f"budget of the audit must be at most {LARGEST_BUDGET:g}, so many injected rows for each clean "
                    f"one; got {budget:g}."
                )
        if self.budgets == ():
            raise ValueError("budgets of the audit must hold at least one budget; got none.")
        require_choice(owner, ATTACKS, attack=self.attack)
        require_choice(owner, REGIONS, region=self.region)
        require_at_least(owner, 1, whole=True, n_seeds=self.n_seeds, shown_tasks=self.shown_tasks)
        if self.iterations is not None:
            require_at_least(owner, 1, whole=True, iterations=self.iterations)
        require_at_least(owner, 0, whole=True, seed=self.seed)
        require_at_least(owner, 0.0, strict=True, exposure_budget=self.exposure_budget)
        if not 0.0 < self.confidence < 1.0:
            raise ValueError(f"confidence of the audit must be above 0 and below 1; got {self.confidence!r}.")
        require_at_least(owner, 1, whole=True, account_rows=self.account_rows)
        for number in self.accounts:
            require_at_least(owner, 1, whole=True, accounts=number)
        object.__setattr__(self, "accounts", tuple(sorted(set(self.accounts))))
        if self.step_size is not None:
            require_at_least(owner, 0.0, strict=True, step_size=self.step_size)
            if self.attack != "patom":
                raise ValueError(
                    f"step_size of the audit is PATOM's, and the attack {self.attack!r} has none: choose the attack "
                    "'patom' or leave the step size out."
                )
        if (self.lambda_1 is None) != (self.lambda_2 is None):
            raise ValueError("lambda_1 and lambda_2 must be given together, or neither for cross-validation.")
        for name in ("targets", "attackers"):
            if getattr(self, name) == ():
                raise ValueError(f"{name} of the audit must name at least one task; got none.")
        if self.attackers is not None and self.targets is None:
            raise ValueError("attackers of the audit need targets: name the tasks they aim at.")
