"""The suite: what ``pytest bench/`` and ``pytest-formfunc run`` measure, and what they say at the end."""
