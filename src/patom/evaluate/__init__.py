"""One trial: a model is attacked, fitted again on the poisoned rows, and measured on rows that nobody poisons.

``trial.attempt`` runs it. ``attacks`` maps a method's name to its class, ``defended`` builds the model under attack,
``measure`` scores predictions over tasks, ``seeding`` makes every generator. An audit and a grid of the paper are both
lists of trials.
"""
