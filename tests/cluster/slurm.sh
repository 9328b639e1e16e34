#!/usr/bin/env bash
# A Slurm of one node on this machine, for tests. Needs Debian or Ubuntu, and root.
#
#   slurm.sh install        get munge and slurm-wlm if they are missing
#   slurm.sh start FOLDER   start it; all of its files lie in FOLDER
#   slurm.sh stop FOLDER    end its jobs and daemons
set -euo pipefail

daemons=(munged slurmctld slurmd)
# Links to the settings in FOLDER lie there. The variable SLURM_CONF would not do, because
# the Snakemake plugin drops all that begin with SLURM_ inside of a job.
etc=/etc/slurm

fail() {
    echo "Error: $*" >&2
    exit 1
}

installed() {
    for daemon in "${daemons[@]}"; do
        command -v "$daemon" >/dev/null || return 1
    done
}

install() {
    installed && return
    command -v apt-get >/dev/null || fail "slurm-wlm and munge are not installed, \
and apt-get is missing. Hint: use Debian or Ubuntu."
    export DEBIAN_FRONTEND=noninteractive
    # The lists of packages may be old, or missing in a container.
    apt-get update --quiet=2 &&
        apt-get install --quiet=2 --no-install-recommends slurm-wlm munge >/dev/null ||
        fail "apt-get could not install slurm-wlm and munge."
}

# One node with two CPUs. Its memory and GPU are invented: they are counted, and nothing
# more. Without accounting, ended jobs are remembered for MinJobAge only.
configure() {
    cat >"$1/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$(hostname --short)(127.0.0.1)
SlurmUser=root
AuthInfo=socket=$1/munge.socket
StateSaveLocation=$1/state
SlurmdSpoolDir=$1/spool
SlurmctldPidFile=$1/slurmctld.pid
SlurmdPidFile=$1/slurmd.pid
SlurmctldLogFile=$1/slurmctld.log
SlurmdLogFile=$1/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000
ReturnToService=2
MinJobAge=3600
KillWait=2
GresTypes=gpu,shard
NodeName=$(hostname --short) NodeAddr=127.0.0.1 CPUs=2 RealMemory=64000 Gres=gpu:1,shard:8
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    printf '%s\n' "Name=gpu File=/dev/null" "Name=shard Count=8" >"$1/gres.conf"
}

start() {
    [ "$(id --user)" = 0 ] || fail "slurmctld and slurmd have to be started by root."
    installed || fail "slurm-wlm or munge is missing. Hint: run $0 install."
    [ ! -e $etc/slurm.conf ] ||
        fail "$etc/slurm.conf exists. Hint: run this where no other Slurm does."
    mkdir -p "$1/state" "$1/spool"
    configure "$1"
    ln --symbolic --force "$1/slurm.conf" "$1/gres.conf" $etc
    (umask 077 && head --bytes=128 /dev/urandom >"$1/munge.key")
    # --force: the socket may lie in a folder that others cannot look into.
    munged --force --key-file="$1/munge.key" --socket="$1/munge.socket" \
        --pid-file="$1/munged.pid" --log-file="$1/munged.log" \
        --seed-file="$1/munge.seed" 2>/dev/null
    slurmctld
    slurmd
    for _ in $(seq 60); do
        [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ] && return
        sleep 0.5
    done
    tail --lines=20 "$1"/*.log >&2
    fail "Slurm did not start; its logs are above."
}

stop() {
    # Never touch a Slurm that is not ours.
    [ "$(readlink $etc/slurm.conf)" = "$1/slurm.conf" ] || return 0
    scancel --user=root 2>/dev/null || true
    for daemon in slurmd slurmctld munged; do
        [ -f "$1/$daemon.pid" ] || continue
        pid=$(cat "$1/$daemon.pid")
        kill "$pid" 2>/dev/null || true
        timeout 20 tail --pid="$pid" --follow /dev/null || kill -KILL "$pid"
    done
    rm $etc/slurm.conf $etc/gres.conf
}

case ${1-} in
install) install ;;
start | stop) "$1" "$(realpath "${2:?a folder is needed}")" ;;
*) fail "usage: $0 install | start FOLDER | stop FOLDER" ;;
esac
