"""The figures of a run of experiments: which there are, and each as a file of its own."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from patom.atomic import write_together

from .attacks import attack_multiples
from .budgets import budget_multiples
from .convergence import convergence_multiples
from .correlations import correlation_multiples
from .defenses import defense_multiples
from .panels import Multiples
from .screening import screening_multiples
from .svg import standalone_svg

KINDS: Mapping[str, Callable[[Mapping[str, Any]], Multiples]] = {
    "convergence": convergence_multiples,
    "budgets": budget_multiples,
    "correlations": correlation_multiples,
    "attacks": attack_multiples,
    "defenses": defense_multiples,
    "screening": screening_multiples,
}
"""The results' sections that hold figures, those of the paper in its order first, and what draws an entry."""


def save_experiment_figures(results: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """
    Write every figure of a run of experiments as an SVG file: on white, text as text, the same bytes each time.

    Parameters
    ----------
    results : Mapping
        The results of a run of experiments, as ``render_experiments`` takes them.
    folder : str or Path
        Where; made if it does not exist.

    Returns
    -------
    list of Path
        The files, in the order of the page, such as ``convergence-sarcos-raw-torques.svg``. No file is replaced
        before all are whole. About a tenth of a second each, half a second for maps of 30 tasks.

    Raises
    ------
    OSError
        If a file cannot be written.

    Examples
    --------
    >>> save_experiment_figures({"convergence": [], "budgets": []}, ".")
    []
    """
    folder = Path(folder)
    texts: dict[Path, str] = {}
    for kind, draw in KINDS.items():
        for experiment in results.get(kind) or ():
            multiples = draw(experiment)
            if multiples.panels:
                path = _unused(folder, f"{kind}-{slug(multiples.title)}", texts)
                texts[path] = standalone_svg(multiples.picture(), path.stem)
    if texts:
        folder.mkdir(parents=True, exist_ok=True)
        write_together({path: partial(_write, text) for path, text in texts.items()})
    return list(texts)


def _write(text: str, file: IO[bytes]) -> None:
    file.write(text.encode("utf-8"))


def _unused(folder: Path, name: str, used: Mapping[Path, str]) -> Path:
    """Add the smallest number from 2 on that makes the name new, if it needs one."""
    path, number = folder / f"{name}.svg", 2
    while path in used:
        path, number = folder / f"{name}-{number}.svg", number + 1
    return path


def slug(title: str) -> str:
    """
    Make a title fit for a file's name.

    Parameters
    ----------
    title : str
        Any text.

    Returns
    -------
    str
        Lower-case ASCII letters, digits and hyphens, at most 60; ``"experiment"`` where nothing is left.

    Examples
    --------
    >>> slug("SARCOS, raw torques (λ = 0.1)"), slug("東京")
    ('sarcos-raw-torques-0-1', 'experiment')
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-") or "experiment"
