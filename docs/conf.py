"""Settings of the site."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from cards import write_cards  # noqa: E402  # found in this folder
from speed_parts import write_speed_parts  # noqa: E402
from study_parts import write_study_parts  # noqa: E402

import foveal  # noqa: E402

project = "foveal"
release = foveal.__version__
extensions = ["myst_nb", "terminal"]
exclude_patterns = ["_build", "_generated"]

html_theme = "furo"
html_title = "foveal"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False

myst_enable_extensions = ["colon_fence", "deflist"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 150  # seconds a cell
nb_merge_streams = True
nb_output_stderr = "warn"  # and a warning is an error: what a reader sees was looked at
# tqdm warns under any kernel without widgets, and there is no bar to show on a page.
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"

write_cards(HERE / "_generated")
write_study_parts(HERE / "_generated")
write_speed_parts(HERE / "_generated")
