"""Submitting segments to Slurm by submitit: the options of their jobs, and what sbatch says to them."""

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
    """Submits the segments of a sweep, each with the options that it needs."""

    def __init__(self, made: GridSweep, todo: Sequence[Segment], retries: int, settings: SlurmSettings) -> None:
        """BadInput where the recipes require a GPU and the partition has none."""
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
        """The number of a segment's new job, which begins once the jobs `parents` have ended well and the jobs `rivals` at all.

        None where a limit of jobs is reached: there is room once `others` of the user's jobs have ended, if there are any. Raises
        BadInput for what sbatch refuses, and SlurmUnreachable.
        """
        executor = self._executor(segment, parents, rivals)
        try:
            job = executor.submit(SegmentJob(SentSweep.of(self._made), segment, self._facts, self.jobs.folder))
        except Exception as error:  # FailedJobError of submitit's, with what sbatch said
            said = f"sbatch: {slurm.slurm_line(str(error))}"
            if slurm.is_unreachable(said):
                raise SlurmUnreachable(said) from None
            if others and slurm.is_limit(said):
                return None
            raise BadInput(f"--on slurm: {said}") from None
        return str(job.job_id)

    def _gpu_wanted(self, todo: Sequence[Segment]) -> dict[str, str]:
        """The options that ask for a GPU: none where the user's own do, or where there are none to be had."""
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
            time=None,  # the partition's own, where the user names none
            wckey=None,
            signal_delay_s=int(self._delay),
            # Since Slurm 22.05 srun no longer takes it from sbatch.
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
