"""How a network is timed. Two questions find every line: which floor, and run, gate or compare?

A **run** measures cases. A **gate** measures head against base in turn and gives verdicts.
A **compare** puts contenders, which are devices and machines, side by side; it needs files only and lives in `reports`.

The floors, from what knows nothing to what knows all; each imports only floors above it in this list:

- `record`: what is written down. `protocol`: what is asked of a worker and answered.
- `files`: how records lie on disk. `host`: this machine without its accelerator.
- `devices`: everything that talks to an accelerator. `steps`: what an iteration is and whether its answer is right.
- `worker`: the process that times; with `devices` and `steps` the only places of torch.
- `processes`: making, asking, suspending and losing workers. `request` and `session`: what any measuring needs.
- `run` and `gate`: the two ways of measuring, which do not know each other.
- `plugin`: everything that knows pytest, and the only door to `reports`; `conftest` and `test_steps` are its entry.

The path of one number in ``pytest bench``:

1. `plugin.options` turns the command line into a `request`; `conftest` parametrises `test_steps` with its cases.
2. `plugin.run` opens a `session` and hands the cases to `run.measure`.
3. `run.schedule` decides which fresh process times which case when, and in which random order within a set.
4. `processes.supervisor` asks a worker for one slice, in the words of `protocol`; `processes.pool` made that worker.
5. `worker.worker`, inside that process, had `steps.prepare` build, verify and warm up the case.
6. A step, as in `steps.forward_backward_train`, runs the iterations between two reads of the clock of `devices.clock`.
7. The reply becomes a `record.run.Measurement`; `files.journal` has it on disk as one line before the next slice.
8. `plugin.replay` hands the slices to pytest-benchmark's fixture; `plugin.publication` writes the final JSON whole.
9. `reports` reads either file back and derives everything that is shown.

A gate takes the same path through `plugin.gate`, `gate.measure`, `gate.schedule` and `gate.block`.
"""
