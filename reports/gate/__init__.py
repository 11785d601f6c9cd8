"""One gate: from its blocks to the answer, how that reads, and what two stored runs can say.

May import `figures`, `show`, `stats`, `bench.record` and `bench.files`; never `run` or `compare`.
Start with `answer`, then `answer_text`; `stored` is for two runs that were not measured in turn.
"""
