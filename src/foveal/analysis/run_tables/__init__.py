"""Tables of runs that were trained anywhere: files, sentences and tables of verdicts. No torch."""

from foveal.analysis.run_tables.design_file import (
    open_design_file,
    read_design_file,
    write_design_file,
)
from foveal.analysis.run_tables.files import read_table_file
from foveal.analysis.run_tables.reading import read_runs
from foveal.analysis.run_tables.run_source import RunSource
from foveal.analysis.run_tables.sentences import (
    describe_data_summaries,
    describe_looks_of_design,
    describe_next_runs,
    describe_self_check,
    list_remarks,
    list_verdict_sentences,
    make_judgment_answer,
    write_judgment_answer,
)
from foveal.stats.judgment import make_verdict_table

__all__ = [
    "RunSource",
    "describe_data_summaries",
    "describe_looks_of_design",
    "describe_next_runs",
    "describe_self_check",
    "list_remarks",
    "list_verdict_sentences",
    "make_judgment_answer",
    "make_verdict_table",
    "open_design_file",
    "read_design_file",
    "read_runs",
    "read_table_file",
    "write_design_file",
    "write_judgment_answer",
]
