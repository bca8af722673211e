"""What is measured: patterns, and the models users bring themselves."""
