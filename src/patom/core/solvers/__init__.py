"""How problem (1) is solved; ``choose`` says which algorithm serves which problem.

``accelerated`` takes first-order and Newton steps and asks an ``oracle``; ``compiled`` has one for small moments.
``sharded`` is for very many tasks, and ``alternating`` is the textbook's.
"""
