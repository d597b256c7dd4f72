"""Colors and marks by which variants are told apart, also without seeing colors."""

from typing import Final

INK: Final = "#1b1f24"
# Okabe and Ito's color-blind-safe hues, those with the best contrast on white first.
HUES: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS: Final = "osD^vPX"
