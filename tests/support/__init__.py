"""What the tests share: projects of a user's, made-up records, small model files."""
