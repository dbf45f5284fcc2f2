"""The tasks that a recipe can name, each a file of its own with a `TASK`; to add one is to add its file."""
