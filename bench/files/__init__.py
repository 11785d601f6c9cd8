"""How records lie on disk: strict decoding, whole files, the journal, and one file format each for run and gate."""
