"""The types of results: what audits and grids hand to the report, and what their files must hold.

They depend on nothing else of the package, so that a page can be made without the code that computed it.
"""
