#!/bin/bash
# The bench itself, between the lab's hosts: in-lab.sh FILE quick|full [PART...]. run.sh calls it.
export LAB_MODULE=no LAB_LIMIT=${LAB_LIMIT:-3600}
# A cgroup for each login, where there can be one: only for what says so.
[ ! -w "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)" ] || export LAB_CGROUPS=1
# shellcheck disable=SC1091 # of the tests
. "$(dirname "$0")/../e2e/lab.sh"
lab_start
# Who starts a mosh-server elsewhere on this machine does not wake the helper here.
own_mosh_server || lab_die "no mosh-server of its own"
export top_builddir=$BUILD PYTHONDONTWRITEBYTECODE=1
python3 "$(dirname "$0")/bench.py" "$@" >&2 || lab_die "the bench failed"
# shellcheck disable=SC2034 # for the lab's end
LAB_CHECKS=1
