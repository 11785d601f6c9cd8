"""Pure statistics: sequences in, dataclasses out; intervals, sign flips, shuffles, verdicts.

May import numpy and `bench.record.looks`, the design that a gate's verdicts rest on; no files, no frames, no units.
Start with `intervals` for a run's figures, `verdict` for a gate's.
"""
