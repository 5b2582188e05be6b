"""The tables of the documents, from the results that are kept in ``docs/results``.

``results`` keeps and reads the tables of finished runs, ``paper`` makes of them what the documents show, and
``python -m evidence`` puts that into its places.
"""
