"""Reports of studies and runs: page, text, tables and figures from records alone, without torch."""

from foveal.optional_imports import STUDY_EXTRA, suggest_install

with suggest_install(STUDY_EXTRA):
    from foveal.report.judgment_formats import (
        render_judgment_html,
        render_judgment_latex,
        render_judgment_markdown,
    )
    from foveal.report.report_files import Report, write_comparison, write_report

__all__ = [
    "Report",
    "render_judgment_html",
    "render_judgment_latex",
    "render_judgment_markdown",
    "write_comparison",
    "write_report",
]
