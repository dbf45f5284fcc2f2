"""Comparisons of models, computed from their measures alone, without the store."""
