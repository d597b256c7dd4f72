"""Analysis of finished runs: aggregates, caveats, hypotheses and stored extras, without torch."""
