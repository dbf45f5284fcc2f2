"""From the measures of models to what can be said of them: the content of a comparison, without the store."""
