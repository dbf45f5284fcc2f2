"""Cards of published models, completions and pages."""
