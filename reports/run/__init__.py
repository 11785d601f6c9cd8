"""One run: its tables, pictures, words, and the commands ``table``, ``plot`` and ``write``.

May import `figures`, `show`, `stats`, `bench.record` and `bench.files`; never `gate` or `compare`.
Start with `tables` and `plots`.
"""
