"""The command `foveal judge`."""

from __future__ import annotations

from pathlib import Path

from cyclopts.types import PositiveFloat, PositiveInt

from foveal.cli.console import print_json
from foveal.cli.options import Flag, JsonFlag, OutputFile


def judge(
    table: Path,
    /,
    *,
    baseline: str | None = None,
    margin: PositiveFloat | None = None,
    lower_is_better: Flag = False,
    variant_column: str | None = None,
    seed_column: str | None = None,
    value_column: str | None = None,
    data_column: str | None = None,
    allow_best: Flag = False,
    test_images: PositiveInt | None = None,
    chance: PositiveFloat | None = None,
    exit_code: Flag = False,
    html: OutputFile = None,
    markdown: OutputFile = None,
    latex: OutputFile = None,
    json: JsonFlag = False,
) -> int:
    """Give verdicts on a table of runs that were trained anywhere.

    A table has a row per run with columns for variant, seed and value, or a column per variant and a row per
    seed: CSV, TSV, JSON lines or Parquet. Each variant is compared with the baseline by the rule of `foveal
    ablate`.

    Parameters
    ----------
    table
        The file of the table.
    baseline
        Name of the baseline; by default a variant called none, baseline or plain.
    margin
        Largest difference that counts as equivalent, in the unit of the values. Without it, none is equivalent.
    lower_is_better
        Count lower values as better, as of a loss.
    variant_column
        Column of variants; guessed by default.
    seed_column
        Column of seeds; guessed by default.
    value_column
        Column of final values; guessed by default.
    data_column
        Column of data sets, for a verdict on each.
    allow_best
        Accept best epochs as values. The output says so.
    test_images
        Number of test images, which bounds the error of accuracies.
    chance
        Accuracy of guessing, the share of the largest class, to recognize runs that have learned nothing.
    exit_code
        Exit with 0 for better, 10 for equivalent, 11 for undecided, 12 for worse; of several the last of these.
    html
        Write the report page to this file; - is standard output.
    markdown
        Write answer and table to this file as Markdown, for a pull request; - is standard output.
    latex
        Write the table to this file as LaTeX; - is standard output.
    """
    from foveal.analysis.run_tables import read_table_file
    from foveal.cli.judge_files import write_judgment_files
    from foveal.cli.judge_text import print_judgment
    from foveal.stats import judge as judge_table

    judgment = judge_table(
        read_table_file(table),
        baseline=baseline,
        margin=margin,
        lower_is_better=lower_is_better,
        variant_column=variant_column,
        seed_column=seed_column,
        value_column=value_column,
        data_column=data_column,
        allow_best=allow_best,
        test_images=test_images,
        chance=chance,
    )
    is_printed = write_judgment_files(
        judgment, {"html": html, "markdown": markdown, "latex": latex}, prints_json=json
    )
    if json:
        from foveal.cli.judge_schema import make_judge_output

        print_json(make_judge_output(judgment))
    elif not is_printed:
        print_judgment(judgment)
    return judgment.exit_code if exit_code else 0
