#!/usr/bin/env bash
#SBATCH --job-name=formfunc
#SBATCH --array=1-8
#SBATCH --exclusive
#SBATCH --output=part-%a.log
# One part of the suite on each machine of a Slurm array. `--exclusive`: nobody else's job runs beside a measurement.
# A part that was cut off goes on where it was when its job is submitted again. When all have ended:
#     pytest-formfunc merge part-*.jsonl --strict --output whole.jsonl
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
part="part-${SLURM_ARRAY_TASK_ID}.jsonl"
resume=()
if [[ -s "$part" ]]; then resume=(--formfunc-resume); fi
exec pytest bench/ \
    --formfunc-shard "${SLURM_ARRAY_TASK_ID}/${SLURM_ARRAY_TASK_COUNT}" \
    --formfunc-journal "$part" "${resume[@]}" "$@"
