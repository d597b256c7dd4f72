"""Reports of studies and runs: page, text, tables and figures from records alone, without torch."""

from foveal.optional_imports import STUDY_EXTRA, suggest_install

with suggest_install(STUDY_EXTRA):
    from foveal.report.report_files import Report, write_comparison, write_report

__all__ = ["Report", "write_comparison", "write_report"]
