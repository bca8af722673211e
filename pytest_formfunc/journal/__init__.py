"""The journal of a run: what it has measured, on disk, from the moment at which it is known."""
