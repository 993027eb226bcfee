"""Sphinx configuration: pages are Markdown, warnings are errors (`make docs`)."""

import re
from pathlib import Path

from pygments.lexers.rust import RustLexer
from sphinx.application import Sphinx

_init = Path(__file__).parent.parent / "src/roadseal/__init__.py"

project = "Roadseal"
author = "the Roadseal contributors"
copyright = author
release = re.search(r'__version__ = "(.+?)"', _init.read_text("utf-8")).group(1)

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = "Roadseal"
html_show_sphinx = False


def setup(app: Sphinx) -> None:
    """Colours Rust examples that rustdoc compiles without running."""
    app.add_lexer("rust,no_run", RustLexer)
