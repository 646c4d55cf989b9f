#!/usr/bin/env bash
# The runs of an ablation, each a task of an array with a GPU of its own:
#
#   python -m launch.ablate --config=configs/ablation.py --dry_run
#   sbatch --array=0-11 launch/ablate.sh --config=configs/ablation.py \
#     --workdir=/shared/runs/ablation --config.base.data.source=folder:/shared/photos
#
# from a clone that all nodes see, with its .venv; the first command says how many there
# are, and what each is. When all have ended, the last one without sbatch and its
# options makes the table:
#
#   .venv/bin/python -m launch.ablate --config=configs/ablation.py --workdir=...
#
# Two minutes before its time is up a task is told (USR1), so that its run is saved; it
# ends with code 75 and is queued again, to go on from there.
#
#SBATCH --job-name=colorflax-ablation
#SBATCH --ntasks=1
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=colorflax-ablation-%A-%a.log
set -uo pipefail

srun .venv/bin/python -m launch.ablate "$@"
code=$?
if [ "$code" -eq 75 ]; then
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
