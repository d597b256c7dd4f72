"""The command `foveal judge`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cyclopts.types import PositiveFloat, PositiveInt

from foveal.cli.console import print_json, stdout
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
    design: Path | None = None,
    max_seeds: PositiveInt | None = None,
    self_check: PositiveInt | None = None,
    exit_code: Flag = False,
    html: OutputFile = None,
    markdown: OutputFile = None,
    latex: OutputFile = None,
    json: JsonFlag = False,
) -> int:
    """Give verdicts on a table or a folder of runs that were trained anywhere.

    A table has a row per run with columns for variant, seed and value, or a column per variant and a row per
    seed: CSV, TSV, JSON lines or Parquet, also as MLflow and Weights & Biases export it. A folder has runs of
    ultralytics, Lightning (CSVLogger), Hugging Face or TensorBoard. Each variant is compared with the baseline
    by the rule of `foveal ablate`.

    Parameters
    ----------
    table
        The file of the table, or the folder of runs.
    baseline
        Name of the baseline; by default a variant called none, baseline or plain.
    margin
        Largest difference that counts as equivalent, in the unit of the values. Without it, none is equivalent.
    lower_is_better
        Count lower values as better, as of a loss.
    variant_column
        Column of variants; of a folder, a setting. Guessed by default.
    seed_column
        Column of seeds; of a folder, a setting. Guessed by default.
    value_column
        Column of final values; of a folder, a metric. Guessed by default.
    data_column
        Column of data sets, for a verdict on each; of a folder, a setting.
    allow_best
        Accept best epochs as values; of a folder, take them. The output says so.
    test_images
        Number of test images, which bounds the error of accuracies.
    chance
        Accuracy of guessing, the share of the largest class, to recognize runs that have learned nothing.
    design
        File of a sequential design. The first call writes it, with --max-seeds; later ones keep to it, name the
        next runs, and stop each comparison as soon as a look decides it.
    max_seeds
        Seeds per variant at the last look of a new design.
    self_check
        Compare so many random halves of the runs of the baseline, and say how often they are called different.
    exit_code
        Exit with 0 for better, 10 for equivalent, 11 for undecided, 12 for worse; of several the last of these.
    html
        Write the report page to this file; - is standard output.
    markdown
        Write answer and table to this file as Markdown, for a pull request; - is standard output.
    latex
        Write the table to this file as LaTeX; - is standard output.
    """
    from rich.markup import escape

    from foveal.analysis.run_tables import open_design_file, read_runs, write_design_file
    from foveal.cli.judge_files import write_judgment_files
    from foveal.cli.judge_text import print_judgment, print_self_checks
    from foveal.stats import judge as judge_table
    from foveal.stats import make_judge_design, run_self_check

    options: dict[str, Any] = {
        "baseline": baseline,
        "margin": margin,
        "lower_is_better": lower_is_better,
        "variant_column": variant_column,
        "seed_column": seed_column,
        "value_column": value_column,
        "data_column": data_column,
        "allow_best": allow_best,
        "test_images": test_images,
        "chance": chance,
    }
    plan, options = open_design_file(design, max_seeds, options)
    source = read_runs(table, options)
    is_new_design = design is not None and plan is None
    if max_seeds is not None and plan is None:
        plan = make_judge_design(source.columns, max_seeds=max_seeds, **source.options)
        plan = replace(plan, columns=source.named_columns)
    # The names of columns are those of the source: what the design names was read by it.
    rule = None if plan is None else replace(plan, columns={})
    judgment = judge_table(source.columns, design=rule, **source.options)
    judgment = source.add_findings(judgment)
    checks = run_self_check(judgment, self_check) if self_check is not None else []
    if design is not None and plan is not None and is_new_design:
        write_design_file(design, plan)
    is_printed = write_judgment_files(
        judgment, {"html": html, "markdown": markdown, "latex": latex}, prints_json=json
    )
    if json:
        from foveal.cli.judge_schema import make_judge_output

        print_json(make_judge_output(judgment, checks))
    elif not is_printed:
        print_judgment(judgment)
        if design is not None and is_new_design:
            stdout.print(f"[dim]Wrote {escape(str(design))}: later calls keep to it.[/]")
        print_self_checks(checks)
    return judgment.exit_code if exit_code else 0
