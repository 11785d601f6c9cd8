"""Contenders side by side: devices and machines whose cases match, their speed-ups, states and environments.

May import `figures`, `show`, `stats`, `bench.record` and `bench.files`; never `run` or `gate`.
Start with `contenders`, then `rows`.
"""
