#!/usr/bin/env bash
# One run over the GPUs of several nodes, one process per GPU:
#
#   sbatch launch/slurm.sh --config=configs/fusion.py --workdir=/shared/runs/fusion
#
# from a clone that all nodes see, with its .venv, as they must see the workdir. Two
# minutes before the time is up every process is told (USR1), so that the run is saved;
# it then ends with code 75 and the job is queued again, to go on from there. So it is
# after a preemption, from the newest checkpoint.
#
# Each process takes the GPU of its number on the node, so the GPUs must not be bound to
# tasks. For one process per node instead: --ntasks-per-node=1, and before srun
# export JAX_LOCAL_DEVICE_IDS=0,1,2,3
#
#SBATCH --job-name=colorflax
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=colorflax-%j.log
set -uo pipefail

# Without --kill-on-bad-exit: it would kill those that are about to end with 75 too.
# Where one process fails, JAX ends the others within 100 seconds.
srun .venv/bin/python -m colorflax.main "$@"
code=$?
if [ "$code" -eq 75 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
