"""The content of a comparison, computed from the measures of models; without the store."""
