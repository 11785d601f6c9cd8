"""Everything that knows pytest: options, selection, what is shown while it runs, replay, publication.

May import all of `bench` but `devices`, `steps` and `worker`, and is the only door from `bench` to `reports`.
Start with `options`, then `run` and `gate`, the two plugins of which one is at work in a session.
"""
