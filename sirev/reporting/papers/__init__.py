"""What goes into a paper about a study: the reproducibility checklist, and the methods as a paragraph with its references."""
