"""From a record to numbers and frames, in base units and full precision: what a run is evidence of.

May import `stats`, the units and escapes of `show`, and `bench.record`.
Start with `evidence`, then `metrics`, which holds every derived figure, and `frame`, which names every column.
"""
