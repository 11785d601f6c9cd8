"""How records lie on disk: strict decoding, whole files, the journal, and one log for run and gate.

What a file says is data: nothing in it is opened or evaluated, and whatever is wrong with it ends in one sentence.
May import `record`.
Start with `journal`, which has every event on disk before the next, and `log`, which folds events into a record.
"""
