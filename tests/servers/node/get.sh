#!/bin/bash
# Builds what up.sh needs in addition to ../kube/get.sh, for real nodes on loopback: kubelet and kube-proxy v1.20.2 from the source
# package of Debian bookworm, and two small images, pause and busybox. Does nothing if they are already built. Takes 3 to 6 minutes on
# 2 cores. Nothing is installed. Required packages:
#   apt-get install containerd runc containernetworking-plugins docker-registry skopeo busybox-static gcc libc6-dev \
#     iptables iproute2 conntrack socat ethtool procps
#   CVM_SERVERS   the target folder (default ~/.cache/cvmanager/servers)
set -euo pipefail
root=${CVM_SERVERS:-$HOME/.cache/cvmanager/servers}/node
work=$root/build
for program in containerd runc /usr/lib/cni/bridge docker-registry skopeo busybox gcc iptables ip conntrack socat ethtool pgrep; do
  command -v $program > /dev/null || { echo "$program not found. Install the packages that are listed at the top of $0." >&2; exit 1; }
done
mkdir -p "$root/bin"

# image NAME FOLDER ENTRYPOINT: creates an image with one layer, tagged localhost/NAME:1, as the archive $root/NAME.tar.
image() {
  local parts=$work/image-$1; mkdir -p "$parts"
  tar -C "$2" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf "$parts/layer.tar" .
  cat > "$parts/config.json" <<X
{"architecture": "amd64", "os": "linux", "config": {"Entrypoint": $3, "Env": ["PATH=/bin"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$(sha256sum < "$parts/layer.tar" | cut -d' ' -f1)"]}}
X
  echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"localhost/$1:1\"], \"Layers\": [\"layer.tar\"]}]" > "$parts/manifest.json"
  tar -C "$parts" -cf "$root/$1.tar" manifest.json config.json layer.tar
}
if ! [ -e "$root/busybox.tar" ]; then
  mkdir -p "$work"/{pause,busybox/bin,busybox/tmp}
  # Keeps the namespaces of a pod alive, and reaps processes if the containers of the pod share a process namespace.
  cat > "$work/pause.c" <<'X'
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int signal) { (void)signal; _exit(0); }
static void reap(int signal) { (void)signal; while (waitpid(-1, 0, WNOHANG) > 0) { } }
int main(void) { signal(SIGINT, end); signal(SIGTERM, end); signal(SIGCHLD, reap); for (;;) pause(); }
X
  gcc -static -Os -s -o "$work/pause/pause" "$work/pause.c"
  cp "$(command -v busybox)" "$work/busybox/bin/busybox"
  for name in $(busybox --list); do [ "$name" = busybox ] || ln -sf busybox "$work/busybox/bin/$name"; done
  chmod 1777 "$work/busybox/tmp"
  image pause "$work/pause" '["/pause"]'
  image busybox "$work/busybox" '[]'
fi
[ -x "$root/bin/kube-proxy" ] && [ -x "$root/bin/kubelet" ] && { echo "$root"; exit 0; }

# shellcheck source=tests/servers/kubernetes.sh
. "$(dirname "$(readlink -f "$0")")/../kubernetes.sh"
kubernetes_source "$work"
# Without Docker and the cloud providers, which later versions do not have either: a sixth fewer packages.
kubernetes_build "$root/bin" -tags 'dockerless providerless' k8s.io/kubernetes/cmd/kubelet k8s.io/kubernetes/cmd/kube-proxy
rm -rf "$work"
echo "$root"
