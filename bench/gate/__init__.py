"""Head against base: both arms' code, blocks of fresh processes, quads of slices in turn, and when it is enough.

May import `session`, `request`, `protocol`, `processes`, `files`, `host` and `record`; never `run`.
Start with `measure`, which carries a gate out, then `schedule` and `block`.
"""
