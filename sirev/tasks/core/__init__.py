"""The tasks that a recipe can name, one file per task, named like it, with its class as `TASK`. To add one, add

- its file here: `read`, and what differs from `sirev.tasks.task.Task`;
- recipes/NAME.yaml, with its pinned data set on the Hub;
- tests/tasks/core/test_NAME.py.

`python tests/stages/fingerprints.py` then records its code.
"""
