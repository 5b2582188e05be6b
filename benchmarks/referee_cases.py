"""The defenses that the referee attacks, as the preset "defenses" describes them, and what the package's attack does.

Of the package's ascents, one an aim, and of the referee's rows those count that do most harm on the targets' training
rows; all figures are of test rows too. The referee attacks twice: by itself, and with half as many fits from the
package's rows and its own first ones on.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from benchmarks.referee import Rows, as_injected, measure, referee
from benchmarks.referee_game import Game
from patom import Availability, ProjectedAscent, ThreatModel
from patom.datasets.dataset import Dataset
from patom.evaluate.defended import Victim, defended, new_learner
from patom.evaluate.trial import attempt
from patom.paper import read_grid
from patom.paper.compute import load
from patom.paper.description import Experiment
from patom.paper.pairs import task_sets
from patom.paper.run import commit

Record = dict[str, Any]
_SARCOS, _INDIRECT = "SARCOS, standardised torques", "SARCOS, standardised torques, indirect"
CASES: dict[str, tuple[str, tuple[int, ...] | None]] = {
    "landmine-shares": ("Landmine, clip and shares, known", tuple(range(1, 11))),
    "landmine-shares-drawn": ("Landmine, clip and shares, known", None),
    "landmine-clip": ("Landmine, clip, known", None),
    "sarcos-whitened": (f"{_SARCOS}, clip whitened and Huber, known", None),
    "sarcos-clip": (f"{_SARCOS}, clip and Huber, known", None),
    "sarcos-clip-0.7": (f"{_SARCOS}, clip at 0.7 and Huber, known", None),
    "sarcos-tukey": (f"{_SARCOS}, clip and Tukey, known", None),
    "sarcos-cross-validation": (f"{_SARCOS}, clip whitened and Huber, penalties of cross-validation, known", None),
    "digits-slab": ("digits, clip and slab, known", None),
    "digits-clip": ("digits, clip, known", None),
    "digits-sphere": ("digits, sphere and slab, weaker penalties, known", None),
    "mnist-slab": ("MNIST, clip and slab, known", None),
    "mnist-clip": ("MNIST, clip, known", None),
    "indirect-held-out": (f"{_INDIRECT}, held-out, known", None),
    "indirect-clip": (f"{_INDIRECT}, clip at 0.7 and Huber, known", None),
    "indirect-armul": (f"{_INDIRECT}, ARMUL, known", None),
    "indirect-rmtfl": (f"{_INDIRECT}, RMTFL, known", None),
    "indirect-loss-weighted": (f"{_INDIRECT}, loss-weighted, known", None),
}
"""The experiment of each, and the targets in place of those that it draws."""


def measured(case: str, seed: int, *, starts: int, fits: int, home: str | None = None) -> Record:
    """One line of the table: a case on one split."""
    name, targets = CASES[case]
    (experiment,) = (each for each in read_grid("defenses").experiments if each.name == name)
    data = load(experiment.data.model_dump(), seed, home)
    threat, victim = _threat(experiment, data, targets), victim_of(experiment, data)
    settings: Record = {
        "targets": threat.targets, "attackers": threat.attackers, "budget": threat.budget, "radius": experiment.radius,
    }  # fmt: skip
    game = Game(victim.model, *data.train, **settings)
    clean = game.fit(victim.model, game.X, game.signs, game.task)
    ours, rows = _of_the_package(game, victim, data, threat, seed)
    busy = time.process_time()
    alone = _refereed(victim, data, settings, [], starts, fits, seed)
    busy = time.process_time() - busy
    given = [*rows, (alone.X, alone.y, alone.task)]
    both = _refereed(victim, data, settings, given, min(starts, fits // 2), fits // 2, seed + 1000)
    return {
        "case": case, "seed": seed, "defense": name, "metric": alone.metric, "clean": _test(game, clean, data), **ours,
        "referee_training": alone.training, "referee": alone.test, "referee_from": alone.worst,
        "joint_training": both.training, "joint": both.test, "joint_from": both.worst,
        "starts": alone.starts, "fits": alone.fits, "joint_fits": both.fits, "seconds": alone.seconds,
        "joint_seconds": both.seconds, "processor_seconds_per_1000_fits": 1000.0 * busy / alone.fits,
        "commit": commit(),
    }  # fmt: skip


def victim_of(experiment: Experiment, data: Dataset) -> Victim:
    """The defended model of an experiment."""
    defense, model = experiment.defense, experiment.model
    settings = {"lambda_1": model.lambda_1, "lambda_2": model.lambda_2} | defense.settings
    return defended(
        new_learner(data.kind, **settings), filters=defense.filters, fraction=defense.fraction,
        quantile=defense.quantile, metric=defense.metric, rule=defense.rule, learner=defense.learner,
    )  # fmt: skip


def _threat(experiment: Experiment, data: Dataset, targets: tuple[int, ...] | None) -> ThreatModel:
    """Direct or indirect, as the experiment's attack is, on its first pair of task sets."""
    labels = list(dict.fromkeys(data.train.task.tolist()))
    pair = next(iter(task_sets(experiment.name, experiment.pairs, labels)))
    aims = pair.targets if targets is None else targets
    through = pair.attackers if experiment.attacks[0].endswith("-indirect") else aims
    return ThreatModel(sorted(aims), sorted(through), experiment.budgets[0])


def _of_the_package(
    game: Game, victim: Victim, data: Dataset, threat: ThreatModel, seed: int
) -> tuple[Record, list[Rows]]:
    """The worst of the package's ascents, and the rows of all."""
    found, rows = [], list[Rows]()
    for metric in ("loss",) if data.kind == "regression" else ("loss", "auc"):
        aimed = ThreatModel(
            threat.targets, threat.attackers, threat.budget, objective=Availability(metric=metric)  # type: ignore[arg-type]
        )  # fmt: skip
        begin = time.perf_counter()
        result = attempt(victim, data, aimed, ProjectedAscent(optimise_labels=True), np.random.default_rng(seed)).result
        seconds = time.perf_counter() - begin
        rows.append((result.X, result.y, result.task))
        found.append((game.judge(as_injected(game, rows[-1])), metric, seconds))
    worst, aim, _ = max(found, key=lambda each: each[0].harm)
    return {
        "package_training": _shown(game, worst.harm), "package": _test(game, worst.model, data), "package_aim": aim,
        "package_seconds": sum(seconds for _, _, seconds in found),
    }, rows  # fmt: skip


def _refereed(
    victim: Victim, data: Dataset, settings: Record, given: Sequence[Rows], starts: int, fits: int, seed: int
) -> Any:
    return referee(
        victim.model, *data.train, **settings, given=given, stand_ins=[victim.learner] if victim.stand_ins else [],
        test=tuple(data.test), starts=starts, fits=fits, seed=seed,
    )  # fmt: skip


def _test(game: Game, model: Any, data: Dataset) -> float:
    return _shown(game, measure(game, model, tuple(data.test)))


def _shown(game: Game, harm: float) -> float:
    """Harm as the metric that is reported."""
    return harm if game.classes is None else 1.0 - harm


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.referee", description="Attack the defenses from outside."
    )
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES), metavar="CASE")
    parser.add_argument(
        "--out", type=Path, required=True, help="Parquet; a case and seed that are measured again replace theirs"
    )
    parser.add_argument("--seeds", type=int, nargs=2, metavar=("FIRST", "END"), default=(0, 3))
    parser.add_argument("--fits", type=int, default=2000)
    parser.add_argument("--starts", type=int, default=24)
    parser.add_argument("--quick", action="store_true", help="6 starts and 150 fits, to see that all runs")
    options = parser.parse_args()
    starts, fits = (6, 150) if options.quick else (options.starts, options.fits)
    with threadpool_limits(limits=1):
        for seed in range(*options.seeds):
            for case in options.only:
                record = measured(case, seed, starts=starts, fits=fits)
                _keep(record, options.out)
                shown = [f"{name} {record[name]:.3f}" for name in ("clean", "package", "referee", "joint")]
                print(
                    f"{case}, seed {seed}: {record['metric']} {', '.join(shown)}; "
                    f"{record['fits']} fits in {record['seconds']:.0f} s",
                    flush=True,
                )


def _keep(record: Record, out: Path) -> None:
    """Put a line into the table on disk, in the order of the cases and seeds."""
    rows = pq.read_table(out).to_pylist() if out.exists() else []
    rows = [row for row in rows if (row["case"], row["seed"]) != (record["case"], record["seed"])] + [record]
    rows.sort(key=lambda row: (list(CASES).index(row["case"]), row["seed"]))
    pq.write_table(pa.Table.from_pylist(rows), out, compression="zstd", compression_level=19)
