"""`scenes`: a synthetic data set of ten shapes on cluttered backgrounds, rendered on demand."""
