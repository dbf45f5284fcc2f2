"""The report of a sweep: what is said of every method of every study of its grid, finished or not."""
