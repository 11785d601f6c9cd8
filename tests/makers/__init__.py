"""Makes records, workers and checkouts for tests: nothing here asserts."""
