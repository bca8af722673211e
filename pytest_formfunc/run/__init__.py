"""One run from start to end: prepare, measure, judge, and note everything in its journal.

`run.py` reads as the table of contents, `work.py` is what it takes, and `journal.py` what it notes and takes over.
"""
