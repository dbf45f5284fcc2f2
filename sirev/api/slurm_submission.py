"""Submission of segments to Slurm by submitit: options of jobs, and errors of sbatch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sirev.api.slurm_job import SegmentJob, ending
from sirev.api.slurm_jobs import SweepJobs
from sirev.api.sweep import GridSweep
from sirev.api.sweep_task import SentSweep, own_facts
from sirev.errors import BadInput
from sirev.execution import slurm
from sirev.execution.makespan import lanes
from sirev.execution.segments import Segment
from sirev.execution.slurm import SlurmSettings, SlurmUnreachable


class Submission:
    """Submission of a sweep's segments, each with its own options."""

    def __init__(self, made: GridSweep, todo: Sequence[Segment], retries: int, settings: SlurmSettings) -> None:
        """Raises BadInput if the recipes require a GPU and the partition has none."""
        self._made, self._retries = made, retries
        self._options = dict(settings.options)
        self._delay = self._options.pop("signal_delay_s", "90")
        if not self._delay.isdecimal():
            raise BadInput(f"--slurm signal_delay_s={self._delay}: expected seconds")
        self._gpu = self._gpu_wanted(todo)
        self._lanes = lanes(todo, settings.at_most) if settings.at_most else {}
        made.store.create()
        self.jobs = SweepJobs(made.store)
        self.jobs.make_folder()
        self._facts = own_facts(SentSweep.of(made), "--on slurm")

    def submitted(self, segment: Segment, parents: Sequence[str], rivals: Sequence[str], others: bool) -> str | None:
        """Submit a segment and return its job's id. It starts after the jobs `parents` succeed and the jobs `rivals` end.

        Returns None if a limit of jobs is reached and the user has `others`, whose end makes room. Raises BadInput if sbatch
        refuses, and SlurmUnreachable.
        """
        executor = self._executor(segment, parents, rivals)
        try:
            job = executor.submit(SegmentJob(SentSweep.of(self._made), segment, self._facts, self.jobs.folder))
        except Exception as error:  # submitit's FailedJobError, with sbatch's message
            said = f"sbatch: {slurm.slurm_line(str(error))}"
            if slurm.is_unreachable(said):
                raise SlurmUnreachable(said) from None
            if others and slurm.is_limit(said):
                return None
            raise BadInput(f"--on slurm: {said}") from None
        return str(job.job_id)

    def _gpu_wanted(self, todo: Sequence[Segment]) -> dict[str, str]:
        """The options that request a GPU; empty if the user's own request one, or if the partition has none."""
        if any(key in self._options for key in slurm.GPU_CHOICES):
            return {}
        partition = self._options.get("partition")
        has = slurm.partition_has_gpus(partition)
        if has is False and any(map(self._made.requires_gpu, todo)):
            where = f"partition {partition}" if partition else "the default partition"
            raise BadInput(f"--on slurm: {where} has no GPU, and the recipes require one")
        return {"gpus_per_node": "1"} if has else {}

    def _executor(self, segment: Segment, parents: Sequence[str], rivals: Sequence[str]) -> Any:
        import submitit

        options = {**self._options, **self._gpu} if segment.needs_gpu else slurm.without_gpus(self._options)
        lane = self._lanes.get(segment.id)
        conditions = [":".join([when, *jobs]) for when, jobs in (("afterok", parents), ("afterany", rivals)) if jobs]
        conditions += ["singleton"] if lane is not None else []
        executor = submitit.SlurmExecutor(self.jobs.folder, max_num_timeout=0)
        executor.update_parameters(
            job_name=f"sirev {segment.leader}" if lane is None else self.jobs.lane(lane),
            time=None,  # the partition's default, unless the user names one
            wckey=None,
            signal_delay_s=int(self._delay),
            # Since Slurm 22.05, srun no longer inherits it from sbatch.
            setup=['if [ -n "$SLURM_CPUS_PER_TASK" ]; then export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"; fi'],
            teardown=[*ending(self.jobs.folder, segment.id, self._retries)],
            additional_parameters={
                **{key: True if value.lower() == "true" else value for key, value in options.items()},
                **({"dependency": ",".join(conditions)} if conditions else {}),
                "comment": self.jobs.comment(segment),
                "kill_on_invalid_dep": "yes",
                "requeue": True,
            },
        )
        return executor
