"""Occlusion sensitivity: windows, fills, the sweep, scores and results."""
