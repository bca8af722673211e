"""``python -m pytest_formfunc.cli`` is the command ``pytest-formfunc``."""

import sys

from pytest_formfunc.cli import main

sys.exit(main())
