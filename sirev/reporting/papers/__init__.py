"""Parts of a paper about a study: the reproducibility checklist, and the methods as a paragraph with references."""
