#!/bin/sh
# Say how a job fares: "running", "success" or "failed"; $1 holds its number.
#
# A job says itself how it ended. One that did not, and that no scheduler knows, was
# killed. It is looked for several times, because files may come late over the network
# and a scheduler may be too busy to answer. SGE keeps a job that it could not start, in
# state Eqw; that one will not run either.

id=$(printf '%s' "$1" | sed 's/[^0-9]*\([0-9]*\).*/\1/')
end=.snakemake/cluster/$id

queued() {
    squeue --noheader --jobs "$id" | grep -q . ||                   # Slurm
        bjobs -noheader -o stat "$id" | grep -Eq 'PEND|RUN|SUSP' || # LSF
        qstat "$id" ||                                              # PBS
        sge=$(qstat -j "$id")                                       # SGE
} >/dev/null 2>&1

for pause in 0 5 10 20 30; do  # longer than latency-wait of profile.yaml
    sleep $pause
    if [ -s "$end" ]; then
        cat "$end" && rm "$end"
        exit
    elif queued; then
        case $sge in
            *'error reason'*) qdel "$id" >&2; echo failed ;;
            *) echo running ;;
        esac
        exit
    fi
done
echo failed
