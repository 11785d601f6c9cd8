"""What is written down: cases, observations, runs, gates, their conditions, and the design of a gate's looks.

Observations only: whatever can be computed from them is computed in `reports`.
Seconds, bytes and FLOPs throughout; what is absent is None with a reason.
May import the standard library and nothing else, since an arm's interpreter may have Python and torch alone.
Start with `case`, then `run`; `gate` is the record of head against base.
"""
