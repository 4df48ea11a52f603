#!/bin/bash
# Starts a real Kubernetes node with its control plane, on loopback: containers run (containerd, runc), images are pulled from a
# registry, pods have addresses, are probed, and reach Services. Run ../kube/get.sh and get.sh first. Needs root.
#   up.sh            starts it, and prints the path of a kubeconfig (also if it is already running)
# Environment (all optional):
#   NAME=                  a second, separate node, with state in run-NAME and kubeconfig-node-NAME (use other ports)
#   PORT=28443             port of the API server               REGISTRY_PORT=28000   port of the registry
#   NODE_IP=10.99.0.1      address of the node, inside          POD_CIDR=10.98.0.0/24 addresses of pods, inside
#   CVM_SERVERS=           target folder of get.sh              FEATURE_GATES=        of control plane and kubelet
#   AUDIT= APISERVER_ARGS= KCM_ARGS= and others                 see ../kube/up.sh
# The node runs in its own mount, process and network namespaces. If the first process in there is killed, all daemons, containers,
# mounts and addresses are gone. Two relays listen outside, on 127.0.0.1: PORT and REGISTRY_PORT. Pods and kubelet use the registry as
# $NODE_IP:$REGISTRY_PORT, over plain HTTP.
# The folder $CVM_SERVERS/node/run (or run-NAME) contains the logs, and in.sh, which runs a command inside: in.sh ctr -n k8s.io tasks ls
set -u
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
export CVM_SERVERS=${CVM_SERVERS:-$HOME/.cache/cvmanager/servers} NAME=${NAME:-}
suffix=${NAME:+-$NAME}
node=$CVM_SERVERS/node run=$CVM_SERVERS/node/run$suffix group=cvm-node$suffix
control=$CVM_SERVERS/kube/run-node$suffix kubeconfig=$CVM_SERVERS/kube/kubeconfig-node$suffix
pki=$control/pki
export PORT=${PORT:-28443} REGISTRY_PORT=${REGISTRY_PORT:-28000}
export NODE_IP=${NODE_IP:-10.99.0.1} POD_CIDR=${POD_CIDR:-10.98.0.0/24}
# Service account tokens that expire and are rotated, as in all later versions.
export FEATURE_GATES=${FEATURE_GATES-BoundServiceAccountTokenVolume=true}
start() { # name command...
  local name=$1; shift
  setsid "$@" > "$run/logs/$name.log" 2>&1 < /dev/null 9>&- &
  echo $! > "$run/$name.pid"   # an id in the process namespace of the node
}
retry() { local n=$1; shift; for _ in $(seq "$n"); do "$@" > /dev/null 2>&1 && return 0; sleep 0.2; done; return 1; }
# True if the node of an earlier call is running. Also checks the command line, because process ids are reused.
alive() { tr '\0' '\n' 2> /dev/null < "/proc/$(cat "$run/pid" 2> /dev/null)/cmdline" | grep -qxF -- "$run"; }

outside() {
  [ "$(id -u)" = 0 ] || { echo "run as root" >&2; exit 1; }
  for file in kube/bin/kube-apiserver node/bin/kubelet node/bin/kube-proxy node/pause.tar; do
    [ -e "$CVM_SERVERS/$file" ] || { echo "$CVM_SERVERS/$file not found. Run ../kube/get.sh and get.sh first." >&2; exit 1; }
  done
  [ -d /sys/fs/cgroup/memory ] || { echo "this kubelet needs control groups v1 in /sys/fs/cgroup" >&2; exit 1; }
  # One call at a time for each name.
  exec 9> "$node/lock$suffix"; flock -w 300 9 || { echo "another up.sh is still running" >&2; exit 1; }
  alive && [ -e "$run/ready" ] && { echo "$kubeconfig"; exit 0; }
  # What an interrupted or killed run has left.
  "$here/down.sh" > /dev/null
  for port in $PORT $REGISTRY_PORT; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2> /dev/null; then echo "port $port is in use" >&2; exit 1; fi
  done
  mkdir -p "$run/logs"; chmod 700 "$run"
  trap '"$here/down.sh" > /dev/null; exit 1' INT TERM HUP
  setsid unshare --mount --pid --fork --kill-child --mount-proc "$here/up.sh" --processes "$run" > "$run/logs/node.log" 2>&1 < /dev/null 9>&- &
  echo $! > "$run/pid"
  for _ in $(seq 900); do
    [ -e "/proc/$(cat "$run/pid")" ] || break
    [ -e "$run/ready" ] && { echo "$kubeconfig"; exit 0; }
    sleep 0.2
  done
  echo "The node did not become ready:" >&2
  tail -n 20 "$run/logs/node.log" >&2
  for name in containerd kubelet; do grep -vsE 'level=info|^I' "$run/logs/$name.log" | tail -n 10 >&2; done
  "$here/down.sh" > /dev/null; echo "The node did not become ready. Its logs are in $node/logs$suffix." >&2
  exit 1
}

# The first process of the process namespace, while it is still in the network of the machine, where the relays listen.
processes() {
  for port in $PORT $REGISTRY_PORT; do
    start relay-$port socat TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork,backlog=64 UNIX-CONNECT:"$run/$port.sock"
  done
  printf '#!/bin/sh\nexec nsenter --target "$(pgrep -P %s)" --mount --pid --net "$@"\n' "$(cat "$run/pid")" > "$run/in.sh"
  chmod +x "$run/in.sh"
  # Folders that the programs have no options for: logs of pods, sockets of the runtime, addresses of pods.
  mount --make-rshared /
  mkdir -p "$run/cni-state" /var/lib/cni
  mount --bind "$run/logs" /var/log && mount --bind "$run/cni-state" /var/lib/cni || exit 1
  mount -t tmpfs tmpfs /run && mkdir /run/lock && mount -t tmpfs tmpfs /dev/shm || exit 1
  exec unshare --net "$here/up.sh" --network "$run"
}

# The first process, in its own network.
network() {
  ip link set lo up && ip address add "$NODE_IP/32" dev lo || exit 1
  sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
  for port in $PORT $REGISTRY_PORT; do
    start relay-inside-$port socat UNIX-LISTEN:"$run/$port.sock",fork,backlog=64 TCP:127.0.0.1:$port
  done
  registry; runtime
  # Pods reach the API server by the Service `kubernetes`, so it advertises the address of the node.
  NAME=node$suffix FAKELET=0 ADMISSION_OFF= APISERVER_ARGS="--bind-address=0.0.0.0 --advertise-address=$NODE_IP \
    --endpoint-reconciler-type=lease --kubelet-client-certificate=$pki/admin.crt --kubelet-client-key=$pki/admin.key \
    ${APISERVER_ARGS:-}" "$here/../kube/up.sh" || exit 1
  kubelet
  start kube-proxy "$node/bin/kube-proxy" --kubeconfig="$kubeconfig" --proxy-mode=iptables --cluster-cidr="$POD_CIDR" \
    --hostname-override=node1 --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
  retry 300 "$CVM_SERVERS/kube/bin/kubectl" --kubeconfig="$kubeconfig" wait --for=condition=Ready node/node1 --timeout=1s || exit 1
  touch "$run/ready"
  # From now on, this process only reaps orphaned processes.
  while :; do sleep 86400 & wait; done
}

registry() {
  cat > "$run/registry.yml" <<X
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $run/registry}, delete: {enabled: true}}
http: {addr: "0.0.0.0:$REGISTRY_PORT"}
X
  start registry docker-registry serve "$run/registry.yml"
}

# Starts containerd, with a bridge for the pods.
runtime() {
  local host cri='plugins."io.containerd.grpc.v1.cri"'
  mkdir -p "$run/cni"
  cat > "$run/cni/10-bridge.conflist" <<X
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
X
  for host in "$NODE_IP:$REGISTRY_PORT" "127.0.0.1:$REGISTRY_PORT"; do
    mkdir -p "$run/certs.d/$host"
    printf 'server = "http://%s"\n[host."http://%s"]\n  capabilities = ["pull", "resolve"]\n' $host $host > "$run/certs.d/$host/hosts.toml"
  done
  # restrict_oom_score_adj: without CAP_SYS_RESOURCE, runc cannot lower the OOM score of a container.
  cat > "$run/containerd.toml" <<X
version = 2
root = "$run/containerd"
state = "$run/containerd-state"
[$cri]
  sandbox_image = "localhost/pause:1"
  disable_hugetlb_controller = true
  restrict_oom_score_adj = true
  cni = {bin_dir = "/usr/lib/cni", conf_dir = "$run/cni"}
  registry = {config_path = "$run/certs.d"}
[$cri.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  options = {SystemdCgroup = false}
X
  start containerd containerd --config "$run/containerd.toml"
  retry 100 ctr -n k8s.io images import "$node/pause.tar" || exit 1
}

kubelet() {
  for hierarchy in /sys/fs/cgroup/*/; do mkdir -p "$hierarchy/$group"; done
  : > "$run/resolv.conf"   # there is no DNS server
  cat > "$run/kubelet.yaml" <<X
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: /$group
enforceNodeAllocatable: []
failSwapOn: false
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
imageGCHighThresholdPercent: 100
serializeImagePulls: false
registryPullQPS: 0
resolvConf: $run/resolv.conf
clusterDNS: [10.0.0.10]
clusterDomain: cluster.local
featureGates: {$(echo "$FEATURE_GATES" | sed 's/=/: /g; s/,/, /g')}
X
  start kubelet "$node/bin/kubelet" --volume-plugin-dir="$run/kubelet/plugins" --config="$run/kubelet.yaml" --kubeconfig="$kubeconfig" \
    --root-dir="$run/kubelet" --cert-dir="$run/kubelet/pki" --container-runtime=remote \
    --container-runtime-endpoint=unix:///run/containerd/containerd.sock --hostname-override=node1 --node-ip="$NODE_IP" --v=2
}

case ${1:-} in --processes) processes ;; --network) network ;; *) outside ;; esac
