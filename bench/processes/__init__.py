"""Making, asking, suspending and losing workers, seen from a process that never imports torch.

May import `protocol`, `record`, `files` and `host`; `launcher`, a program of its own, forks the worker and is the one
named exception to "no torch here".
Start with `supervisor`, which turns replies into records and whatever goes wrong into an outcome; `pool` makes workers,
`local` speaks with them on this machine.
"""
