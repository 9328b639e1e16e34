#!/bin/sh
# Cancel jobs, when Snakemake is interrupted; the arguments hold their numbers.

ids=$(printf '%s\n' "$@" | sed 's/[^0-9]*\([0-9]*\).*/\1/')
# shellcheck disable=SC2086 # several arguments
{ scancel $ids || bkill $ids || qdel $ids; } 2>/dev/null
