#!/bin/sh
# properties = {properties}
# Runs a job and leaves how it ended to status.sh, under the number of the job.
cd "${{PBS_O_WORKDIR:-.}}" || exit 1 # the other schedulers start where Snakemake runs
id=${{SLURM_JOB_ID:-${{PBS_JOBID:-${{LSB_JOBID:-$JOB_ID}}}}}}
mkdir -p .snakemake/cluster
if ({exec_job}); then end=success; else end=failed; fi
echo $end >".snakemake/cluster/${{id%%.*}}"
