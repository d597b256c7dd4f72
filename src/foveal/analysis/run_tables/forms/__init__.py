"""Forms in which programs write runs: one file per program."""
