"""A plain run: which case is timed when, for how long, and how a run that was cut off goes on.

May import `session`, `request`, `protocol`, `processes`, `files`, `host` and `record`; never `gate`.
Start with `measure`, which carries a run out, then `schedule`.
"""
