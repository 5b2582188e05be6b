"""Cells of an audit from words, and answers on its test rows."""

from patom.audit.cells import Cell, Purpose
from patom.evaluate.trial import decide
from patom.results.methods import AttackName


def cell_of(purpose, attack, *arguments, **settings):
    """A cell from the words that files hold."""
    return Cell(Purpose(purpose), AttackName.parse(attack), *arguments, **settings)


def splits_of(data):
    """The splits of all replicates."""
    return [data.of_replicate(replicate) for replicate in range(len(data.draws))]


def answers_of(model, data):
    """Predictions, or margins, of the test rows."""
    return decide(model, data.kind, data.test)
