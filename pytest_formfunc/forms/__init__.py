"""What is measured: patterns, named architectures, and users' own models."""
