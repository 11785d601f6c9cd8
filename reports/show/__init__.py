"""How anything is shown: units, escapes, one table, one picture, one writer of files.

May import the whole writes of `bench.files`, and nothing that knows what a run is.
Start with `table` and `picture`.
"""
