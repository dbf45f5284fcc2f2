"""The tasks that a recipe can name, each a file called as the task, with its class as `TASK`. To add one, add

- its file here: `read` and what differs from `sirev.tasks.task.Task`;
- recipes/NAME.yaml, where its data is on the Hub, pinned;
- tests/tasks/core/test_NAME.py.

`python tests/stages/fingerprints.py` then records its code.
"""
