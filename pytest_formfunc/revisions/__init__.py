"""The other side of a comparison: another revision's code, another environment's packages, bisecting."""
