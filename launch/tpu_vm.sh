#!/usr/bin/env bash
# One run over all machines of a Cloud TPU slice:
#
#   TPU=my-slice ZONE=us-central2-b launch/tpu_vm.sh --config=configs/fusion.py:imagenet \
#     --config.data.source=folder:/mnt/photos --workdir=/mnt/runs/fusion
#
# Each machine needs a clone in ~/colorflax whose .venv has jax[tpu] (see the README),
# and all need the same disk under /mnt, such as a Filestore share: photographs and
# workdir are paths, not gs:// addresses. --worker=all runs the same command on each.
set -euo pipefail
: "${TPU:?the name of the TPU slice}" "${ZONE:?its zone}"

printf -v arguments ' %q' --cluster=gcetpu "$@"
gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all \
  --command="cd ~/colorflax && exec .venv/bin/python -m colorflax.main$arguments"
