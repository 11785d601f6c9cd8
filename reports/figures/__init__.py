"""From a record to numbers and frames."""
