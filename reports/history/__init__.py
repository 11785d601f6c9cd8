"""Runs and gates over time: a dataset that is only added to, a trend for each case, and where it steps.

What a gate's verdicts are is told by `reports.gate` and handed in by the main program.
"""
