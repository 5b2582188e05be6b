"""How problem (1) is solved: ``accelerated`` first-order steps with Newton's, and the textbook's ``alternating``.

The solvers ask an ``oracle``; ``compiled`` answers for small second moments, ``sharded`` for very many tasks.
"""
