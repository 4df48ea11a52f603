#!/bin/bash
# Stops the node that up.sh started with the same NAME, and removes its state and its control groups. The logs of the last run remain in
# $CVM_SERVERS/node/logs (or logs-NAME).
export CVM_SERVERS=${CVM_SERVERS:-$HOME/.cache/cvmanager/servers}
suffix=${NAME:+-$NAME}
node=$CVM_SERVERS/node run=$CVM_SERVERS/node/run$suffix group=cvm-node$suffix
[ -d "$run" ] || { echo "not running"; exit 0; }
pid=$(cat "$run/pid" 2> /dev/null)
# The process id may have been reused by another program.
if [ -n "$pid" ] && tr '\0' '\n' 2> /dev/null < "/proc/$pid/cmdline" | grep -qxF -- "$run"; then
  # `unshare --kill-child`: its child, the first process of the process namespace, is killed too, and with that all others in there.
  kill -KILL "$pid"
  for _ in $(seq 100); do [ -e "/proc/$pid" ] || break; sleep 0.1; done
fi
# The control groups, children first. A group is busy until the last of its processes has ended.
for _ in $(seq 50); do
  find /sys/fs/cgroup/*/"$group" -depth -type d -exec rmdir {} + 2> /dev/null
  compgen -G "/sys/fs/cgroup/*/$group" > /dev/null || break
  sleep 0.2
done
left=0
compgen -G "/sys/fs/cgroup/*/$group" && { echo "some control groups could not be removed" >&2; left=1; }
rm -rf "$node/logs$suffix" && mv "$run/logs" "$node/logs$suffix" 2> /dev/null
rm -rf "$run" "$CVM_SERVERS/kube/run-node$suffix" "$CVM_SERVERS/kube/kubeconfig-node$suffix"
[ -e "$run" ] && { echo "$run could not be removed" >&2; left=1; }
echo "down"; exit $left
