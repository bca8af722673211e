"""Set up the other side of a comparison: another revision's code or another environment's packages; also bisect."""
