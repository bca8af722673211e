"""Renderers: records in, text or a file out; they compute no statistics of their own but the mean."""
