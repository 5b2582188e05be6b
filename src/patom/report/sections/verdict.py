"""An audit's answer, and what was audited and how: words and numbers, ready to print."""

from dataclasses import dataclass

from patom.report import numerals
from patom.results.audit import Gate, Results, Setting, Worst
from patom.results.methods import Method
from patom.wording import counted

_TONES = {"low": "low", "moderate": "moderate", "moderate or high": "high", "high": "high"}


@dataclass(frozen=True)
class Optimiser:
    """What is said of the attack that optimises the injected rows."""

    term: str
    method: str
    text: str
    credit: str


OPTIMISERS = {
    Method.ASCENT: Optimiser(
        term="Random and optimised",
        method="projected ascent on the exact gradient",
        text="The optimised attack starts at the same random rows and moves them to where they do the most harm, "
        "knowing the model and the data, their targets too unless told otherwise. It follows the exact gradient of the "
        "targets’ training loss through the training that the rows change (projected ascent on a bilevel problem), and "
        "ends with the rows that raise it most. It is the strongest attack of this package and no bound on what others "
        "could do.",
        credit="The threat is that of",
    ),
    Method.PATOM: Optimiser(
        term="Random and PATOM",
        method="PATOM",
        text="PATOM starts at the same random rows and moves them to where they do the most harm, knowing the model "
        "and the data. It is the paper’s attack and not the strongest of this package, which an audit uses unless "
        "told otherwise.",
        credit="The attack is PATOM, from",
    ),
}


@dataclass(frozen=True)
class GateWords:
    """Whether a build fails: a word, the sentence it begins, and a tone."""

    tone: str
    word: str
    text: str


@dataclass(frozen=True)
class Words:
    """The risk and its tone, the number with its interval and its attack, and whether the build fails.

    ``tone`` is low, moderate, high or, where nothing can be said, plain.
    """

    risk: str
    tone: str
    number: str
    interval: str
    no_interval: str
    attack: str
    gate: GateWords | None


def words(report: Results) -> Words:
    """Write the verdict."""
    told, worst = report.verdict, report.verdict.worst
    risk = told.risk or told.level
    interval = numerals.MISSING if worst is None else numerals.percent_interval(worst.low, worst.high)
    return Words(
        risk=risk,
        tone=_TONES.get(risk, "plain"),
        number=numerals.percent(told.worst_damage),
        interval="" if interval == numerals.MISSING else interval,
        no_interval="all seeds give the same" if report.n_seeds_of(worst) > 1 else "too few seeds",
        attack="" if worst is None else _attack(worst, told.injected),
        gate=None if report.fail_above is None else _gate(report.fail_above),
    )


def _attack(worst: Worst, injected: str) -> str:
    really = f", which is {injected}" if injected else ""
    return f"{worst.label}, budget {numerals.budget(worst.budget)}{really}"


def _gate(gate: Gate) -> GateWords:
    above = f"above {numerals.budget(gate.threshold)}"
    if gate.exceeded is None:
        return GateWords("plain", "Cannot say", f"whether worst relative damage is {above}")
    if gate.exceeded:
        return GateWords("critical", "Fails", f"worst relative damage is {above}")
    return GateWords("low", "Passes", f"worst relative damage is not {above}")


def facts(report: Results) -> list[tuple[str, str, str]]:
    """Key facts on what was audited: a term, its value and a detail."""
    data, model = report.data, report.model
    size = f"{counted(len(data.tasks), 'task')}, {counted(data.n_rows, 'row')}, {counted(data.n_features, 'feature')}"
    if data.sample is not None:
        size += f"; a sample of {data.sample.of_rows:,} rows in {counted(data.sample.of_tasks, 'task')}"
    better = "higher is better" if model.metric == "AUC" else "lower is better"
    measured = f"{model.measured}, test rows{' of the first seed' * report.several_splits}; {better}"
    penalties = f"{numerals.scientific(model.lambda_1)} and {numerals.scientific(model.lambda_2)}"
    return [
        ("Data", data.name, size),
        ("Model", model.estimator, f"{model.loss.replace('_', ' ')} loss"),
        (f"Clean {model.metric}", numerals.metric(model.clean, model.metric), measured),
        ("λ₁ and λ₂", penalties, model.lambdas_chosen_by),
        ("Duality gap", numerals.scientific(model.duality_gap), model.status),
    ]


def settings(report: Results) -> list[tuple[str, str]]:
    """How the audit was done: terms and values."""
    data, model, setting = report.data, report.model, report.setting
    scaled = f"{'standardised, then ' * data.scale.standardised}divided by the largest row norm"
    optimiser = OPTIMISERS[setting.attack]
    listed = [
        ("Source", data.source),
        ("Columns", f"task: {data.task_column}; target: {data.target_column}"),
        ("Kind", f"{data.kind}, since {data.kind_reason}"),
        ("Positive class", data.positive_class),
        ("Rows", f"{data.n_train:,} for training, {data.n_test:,} for testing"),
        ("Splits", setting.splits or None),
        ("Features", f"{scaled} ({numerals.scientific(data.scale.norm)}), as the attack's unit ball asks"),
        ("Injected rows", _injected(setting)),
        ("Budgets", ", ".join(map(numerals.budget, setting.budgets))),
        ("Targets", setting.targets),
        ("Attackers", setting.attackers),
        ("Repetitions", f"{counted(setting.n_seeds, 'seed')}, intervals at {numerals.budget(setting.confidence)}"),
        ("Attack", f"{optimiser.method}, {counted(setting.iterations, 'iteration')}{_step_sizes(setting)}"),
        ("Attacked fits", _uncertified(setting)),
        ("Fit", f"objective {model.objective:.6g}; {model.status}"),
        ("Seed", str(report.seed)),
    ]
    return [(term, value) for term, value in listed if value is not None]


def _injected(setting: Setting) -> str:
    """Say where injected rows may lie, and whether their targets move."""
    where = f"features of norm at most {numerals.scientific(setting.injected_norm)} in that scale"
    if setting.region == "own_data":
        where += ", and where they look like clean rows of their task and class"
    moved = "as drawn from the task’s own" if setting.keep_labels else "moved within the task’s own range"
    return f"{where}; targets {moved}"


def _step_sizes(setting: Setting) -> str:
    """Say the step size, or those that pilot attacks chose and how; nothing of an attack that has none."""
    if setting.attack is not Method.PATOM:
        return ""
    if setting.step_size is not None:
        return f", step size {numerals.scientific(setting.step_size)}"
    sizes = (setting.step_sizes or {}).items()
    chosen = ", ".join(f"{numerals.scientific(size)} ({attack.reach})" for attack, size in sizes) or numerals.MISSING
    return f", step size {chosen}, chosen in pilot attacks by the attacker's own aim, the targets' training loss"


def _uncertified(setting: Setting) -> str | None:
    """Say how many fits under attack stopped early, if any did."""
    if not setting.attacks_uncertified:
        return None
    of = f"{setting.attacks_uncertified:,} of {setting.attacks_run:,}"
    return f"{of} stopped before their tolerance: their damage is approximate"


def command(report: Results) -> str | None:
    """What to type for the same page, its gate included."""
    gate = report.fail_above
    if not report.command or gate is None or "--fail-above" in report.command:
        return report.command
    return f"{report.command} --fail-above {gate.threshold}"
