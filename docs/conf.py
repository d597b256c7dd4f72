"""Settings of the site."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from api_pages import escape_markup, write_api_pages  # noqa: E402  # in this folder
from attention_cards import write_cards  # noqa: E402
from speed_tables import write_speed_tables  # noqa: E402
from study_tables import write_study_tables  # noqa: E402

import foveal  # noqa: E402

project = "foveal"
release = foveal.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "terminal"]
exclude_patterns = ["_build", "_generated/*.md"]

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
nb_output_stderr = "warn"  # with --fail-on-warning, an error
# tqdm warns in a kernel without widgets.
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"

default_role = "code"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Shape", "params_style"), "Source"]

write_api_pages(HERE / "_generated" / "api")
write_cards(HERE / "_generated")
write_study_tables(HERE / "_generated")
write_speed_tables(HERE / "_generated")


def setup(app: Sphinx) -> None:
    """Connect the escape of formulas; it runs before napoleon reads the sections."""
    app.connect("autodoc-process-docstring", escape_markup, priority=100)
