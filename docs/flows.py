"""Data flow of each attention module, drawn on its card; presets share the figure of their module."""

# Formulas use the signs of the papers.
# ruff: noqa: RUF001

from __future__ import annotations

from flow_drawing import Box, Flow

FLOWS: dict[str, Flow] = {
    "channel": Flow(
        boxes={
            "F": Box("F", 0, 0.5),
            "avg": Box("AvgPool\nover H, W", 1, 0),
            "max": Box("MaxPool\nover H, W", 1, 1),
            "mlp": Box("one MLP for both\nC → C/r → C", 2, 0.5),
            "sum": Box("+", 3, 0.5),
            "sigma": Box("σ", 4, 0.5),
            "times": Box("⊗", 5, 0.5),
            "out": Box("F′", 6, 0.5),
        },
        paths=("F avg mlp sum sigma times out", "F max mlp"),
        bypasses=(("F", "times", 1.75),),
    ),
    "spatial": Flow(
        boxes={
            "F": Box("F", 0, 0.5),
            "avg": Box("AvgPool\nover C", 1, 0),
            "max": Box("MaxPool\nover C", 1, 1),
            "stack": Box("stack", 2, 0.5),
            "conv": Box("conv 7×7\n2 → 1", 3, 0.5),
            "norm": Box("norm", 4, 0.5),
            "sigma": Box("σ", 5, 0.5),
            "times": Box("⊗", 6, 0.5),
            "out": Box("F′", 7, 0.5),
        },
        paths=("F avg stack conv norm sigma times out", "F max stack"),
        bypasses=(("F", "times", 1.75),),
    ),
    "cbam": Flow(
        boxes={
            "F": Box("F", 0),
            "channel": Box("channel attention\nN × C × 1 × 1", 1),
            "times": Box("⊗", 2),
            "F1": Box("F′", 3),
            "spatial": Box("spatial attention\nN × 1 × H × W", 4),
            "again": Box("⊗", 5),
            "F2": Box("F″", 6),
        },
        paths=("F channel times F1 spatial again F2",),
        bypasses=(("F", "times", 0.75), ("F1", "again", 0.75)),
    ),
    "bam": Flow(
        boxes={
            "F": Box("F", 0, 0.5),
            "pool": Box("AvgPool\nover H, W", 1, 0),
            "mlp": Box("MLP\nC → C/r → C", 2, 0),
            "channel-norm": Box("norm", 4, 0),
            "reduce": Box("conv 1×1\nC → C/r", 1, 1),
            "context": Box("2 conv 3×3\ndilation 4", 2, 1),
            "project": Box("conv 1×1\nC/r → 1", 3, 1),
            "spatial-norm": Box("norm", 4, 1),
            "sum": Box("+", 5, 0.5),
            "sigma": Box("σ", 6, 0.5),
            "times": Box("⊗", 7, 0.5),
            "residual": Box("+", 8, 0.5),
            "out": Box("F′", 9, 0.5),
        },
        paths=(
            "F pool mlp channel-norm sum sigma times residual out",
            "F reduce context project spatial-norm sum",
        ),
        bypasses=(("F", "times", 1.75), ("F", "residual", 1.75)),
    ),
    "se": Flow(
        boxes={
            "F": Box("F", 0),
            "pool": Box("AvgPool\nover H, W", 1),
            "reduce": Box("linear\nC → C/r", 2),
            "relu": Box("ReLU", 3),
            "expand": Box("linear\nC/r → C", 4),
            "sigma": Box("σ", 5),
            "times": Box("⊗", 6),
            "out": Box("F′", 7),
        },
        paths=("F pool reduce relu expand sigma times out",),
        bypasses=(("F", "times", 0.75),),
    ),
    "eca": Flow(
        boxes={
            "F": Box("F", 0),
            "pool": Box("AvgPool\nover H, W", 1),
            "conv": Box("conv of k values\nalong the channels", 2),
            "sigma": Box("σ", 3),
            "times": Box("⊗", 4),
            "out": Box("F′", 5),
        },
        paths=("F pool conv sigma times out",),
        bypasses=(("F", "times", 0.75),),
    ),
    "scse": Flow(
        boxes={
            "F": Box("F", 0, 0.5),
            "pool": Box("AvgPool\nover H, W", 1, 0),
            "mlp": Box("MLP\nC → C/r → C", 2, 0),
            "channel-sigma": Box("σ", 3, 0),
            "conv": Box("conv 1×1\nC → 1", 2, 1),
            "spatial-sigma": Box("σ", 3, 1),
            "sum": Box("+", 4, 0.5),
            "times": Box("⊗", 5, 0.5),
            "out": Box("F′", 6, 0.5),
        },
        paths=("F pool mlp channel-sigma sum times out", "F conv spatial-sigma sum"),
        bypasses=(("F", "times", 1.75),),
    ),
    "simam": Flow(
        boxes={
            "F": Box("F", 0),
            "center": Box("minus mean\nover H, W", 1),
            "square": Box("square", 2),
            "divide": Box("divided by\n4 (variance + λ)", 3),
            "half": Box("+ ½", 4),
            "sigma": Box("σ", 5),
            "times": Box("⊗", 6),
            "out": Box("F′", 7),
        },
        paths=("F center square divide half sigma times out",),
        bypasses=(("F", "times", 0.75),),
    ),
    "coordinate": Flow(
        boxes={
            "F": Box("F", 0, 0.5),
            "rows": Box("AvgPool\nover W", 1, 0),
            "columns": Box("AvgPool\nover H", 1, 1),
            "reduce": Box("conv 1×1\nC → C/r", 2, 0.5),
            "norm": Box("norm,\nh-swish", 3, 0.5),
            "by-row": Box("conv 1×1\nC/r → C", 4, 0),
            "by-column": Box("conv 1×1\nC/r → C", 4, 1),
            "row-sigma": Box("σ", 5, 0),
            "column-sigma": Box("σ", 5, 1),
            "maps": Box("⊗", 6, 0.5),
            "times": Box("⊗", 7, 0.5),
            "out": Box("F′", 8, 0.5),
        },
        paths=(
            "F rows reduce norm by-row row-sigma maps times out",
            "F columns reduce norm by-column column-sigma maps",
        ),
        bypasses=(("F", "times", 1.75),),
    ),
    "triplet": Flow(
        boxes={
            "F": Box("F", 0, 1),
            "rows": Box("MaxPool, AvgPool\nover H", 1, 0),
            "columns": Box("MaxPool, AvgPool\nover W", 1, 1),
            "plane": Box("MaxPool, AvgPool\nover C", 1, 2),
            "rows-conv": Box("conv 7×7,\nnorm", 2, 0),
            "columns-conv": Box("conv 7×7,\nnorm", 2, 1),
            "plane-conv": Box("conv 7×7,\nnorm", 2, 2),
            "rows-sigma": Box("σ", 3, 0),
            "columns-sigma": Box("σ", 3, 1),
            "plane-sigma": Box("σ", 3, 2),
            "mean": Box("mean", 4, 1),
            "times": Box("⊗", 5, 1),
            "out": Box("F′", 6, 1),
        },
        paths=(
            "F rows rows-conv rows-sigma mean",
            "F columns columns-conv columns-sigma mean times out",
            "F plane plane-conv plane-sigma mean",
        ),
        bypasses=(("F", "times", 2.75),),
    ),
}
