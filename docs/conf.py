"""The documentation site: `make docs` builds it into build/docs, and a warning is an error."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "site"))

project = "pytest-formfunc"
copyright = "the pytest-formfunc authors"
extensions = ["myst_parser", "reference"]
exclude_patterns = ["site", "patterns"]
nitpicky = True
smartquotes = False  # names of options have two dashes
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
html_theme = "furo"
html_title = "pytest-formfunc"
html_copy_source = False
html_show_sphinx = False
