"""The report of a sweep: a verdict or the progress per study and method of its grid."""
