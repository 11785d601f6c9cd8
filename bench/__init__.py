"""How a network is timed.

The path of one number:

1. `case` and `options` turn the command line into the planned cases; `test_steps` is parametrised with them.
2. `schedule` decides which fresh process times which case when, and in which random order within a set.
3. `launch` starts that process and speaks the line protocol with it.
4. `worker`, inside it, asks `steady` to hold the machine still and `steps` to prepare the case:
   build, verify against float64, warm up.
5. It then times one slice: `steps` runs the iterations between two reads of the clock in `devices`.
6. The seconds become a `record.Measurement`; `journal` writes it as one fsynced line.
7. `recorder` hands the slices to pytest-benchmark and writes the final JSON whole.
8. `reports` reads either file back and derives everything that is shown.
"""
