"""This machine without its accelerator: facts, git, steadiness, clocks, folders, stopping, a process's lifetime.

May import `record`; psutil is used here and nowhere else in `bench`.
Start with `steadiness`, which names what is held still while timing, and `facts`, which says where a run was made.
"""
