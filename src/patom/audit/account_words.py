"""What an audit says of new accounts: how much damage, how many it takes, and what capped tasks leave of it."""

from patom.audit.levels import MODERATE
from patom.results.audit import AccountPoint, Accounts, Metric
from patom.wording import counted, percent


def worst_number(accounts: Accounts | None) -> AccountPoint | None:
    """The number of accounts of the highest mean damage; None where nothing could be measured."""
    known = [] if accounts is None else [point for point in accounts.points if point.damage.mean is not None]
    return max(known, key=_damage, default=None)


def opened(accounts: Accounts, point: AccountPoint) -> str:
    """Such as "30 new accounts of 2 rows each"."""
    each = " each" if point.accounts > 1 else ""
    return f"{counted(point.accounts, 'new account')} of {counted(accounts.rows_each, 'row')}{each}"


def headline(accounts: Accounts, point: AccountPoint, metric: Metric) -> str:
    """What the most harmful number of accounts does."""
    verb = "lowers" if metric == "AUC" else "raises"
    average = " on average" if point.n_seeds > 1 else ""
    return (
        f"An attacker who opens {opened(accounts, point)} {verb} the {metric} of all tasks by "
        f"{percent(_damage(point))}{average}."
    )


def sentences(accounts: Accounts | None, metric: Metric, *, in_headline: bool) -> list[str]:
    """What each number does, how many do 10 %, and what is left where tasks are capped."""
    worst = worst_number(accounts)
    if accounts is None or worst is None:
        return []
    if _damage(worst) <= 0.0:
        each, most = counted(accounts.rows_each, "row"), accounts.points[-1].accounts
        return [f"New accounts of {each} each, up to {most}, did no harm to all tasks on average."]
    found = [] if in_headline else [headline(accounts, worst, metric)]
    known = [point for point in accounts.points if point.damage.mean is not None]
    if len(known) > 1:
        does = [
            f"{point.accounts:,} {'does' if point.accounts == 1 else 'do'} {percent(_damage(point))}" for point in known
        ]
        found.append(f"Damage by the number of new accounts, on average: {', '.join(does)}.")
    return [*found, _how_many(accounts, known), *_capped(accounts)]


def _how_many(accounts: Accounts, known: list[AccountPoint]) -> str:
    """How many accounts do 10 % damage: on average, and by the intervals."""
    enough = next((point for point in known if _damage(point) >= MODERATE), None)
    if enough is None:
        return f"No number of accounts that was tried, up to {known[-1].accounts}, does 10 % damage on average."
    fewer = [point.accounts for point in known if point.accounts < enough.accounts]
    least = f", and {fewer[-1]:,} did less" if fewer else ""
    found = f"On average {counted(enough.accounts, 'account')} did 10 % damage or more{least}"
    if accounts.enough is not None:
        return f"{found}; by the intervals over seeds it takes {counted(accounts.enough, 'account')} at most."
    if all(point.damage.low is None for point in known):
        return f"{found}; there is no interval: more seeds would give one."
    return f"{found}; the intervals over seeds leave open how many it takes."


def _capped(accounts: Accounts) -> list[str]:
    capped, most = accounts.capped, accounts.points[-1].accounts
    if capped is None or capped.damage.mean is None or capped.cost.mean is None:
        return []
    left = f"{percent(capped.damage.mean)} damage" if capped.damage.mean > 0.0 else "no harm on average"
    do = "does" if most == 1 else "do"
    return [
        f"With task_weights=Capped({capped.n_0:g}) {counted(most, 'account')} of an attacker who knows it {do} {left}; "
        f"it costs {percent(max(capped.cost.mean, 0.0))} without an attack."
    ]


def _damage(point: AccountPoint) -> float:
    return point.damage.mean or 0.0
