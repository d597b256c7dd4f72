"""A page, tables and figures from records alone: no torch, no retraining, no network."""

from foveal.optional_imports import STUDY, suggest_install

with suggest_install(STUDY):
    from foveal.analysis.variant_runs import compare_with_baseline
    from foveal.report.report_files import Report, compare, report

__all__ = ["Report", "compare", "compare_with_baseline", "report"]
