"""Side by side with peers, interleaved in one process; ``python -m benchmarks`` is the command.

What is measured, and how to read it: ``docs/benchmarks.md``.
"""
