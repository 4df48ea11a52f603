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

mkdir -p "$work"/{apt/lists/partial,apt/cache/archives/partial,debs,src}
cd "$work"
# The package sources of the machine, with source packages, in a private apt configuration.
cat /etc/apt/sources.list.d/*.sources | sed 's/^Types:.*/Types: deb deb-src/' > apt/private.sources
cat > apt/apt.conf <<X
Dir::Etc::sourcelist "$work/apt/private.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::State::Lists "$work/apt/lists";
Dir::Cache "$work/apt/cache";
APT::Sandbox::User "root";
X
export APT_CONFIG=$work/apt/apt.conf
apt-get update -q > /dev/null
(cd src && apt-get source --download-only -q kubernetes > /dev/null)
(cd debs && apt-get download -q golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev > /dev/null)
rm -rf kubernetes go reflect2 gopath
mkdir -p kubernetes go reflect2 gopath/src/k8s.io
for deb in debs/golang-1.19-*.deb; do dpkg -x "$deb" go; done
dpkg -x debs/golang-github-modern-go-reflect2-dev_*.deb reflect2
tar xzf src/kubernetes_*.orig.tar.gz -C kubernetes --strip-components=1

# The vendored reflect2 calls a runtime function whose signature changed in Go 1.18, so use the newer one of Debian.
vendored=kubernetes/vendor/github.com/modern-go/reflect2
rm -rf $vendored && mkdir $vendored
cp reflect2/usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} $vendored/ && rm -f $vendored/*_test.go

ln -sfn "$work/kubernetes" gopath/src/k8s.io/kubernetes
export GOROOT=$work/go/usr/lib/go-1.19 GOPATH=$work/gopath GOCACHE=$work/gocache \
  GOTOOLCHAIN=local GOPROXY=off GOSUMDB=off GO111MODULE=off CGO_ENABLED=0 GOFLAGS=
export PATH=$GOROOT/bin:$PATH
cd gopath/src/k8s.io/kubernetes
flags=
for package in client-go/pkg/version component-base/version; do
  for pair in gitVersion=v1.20.2 gitMajor=1 gitMinor=20 gitTreeState=clean \
      gitCommit=faecb196815e248d3ecfb03c680a4507229c2a56 buildDate=$(date -u +%Y-%m-%dT%H:%M:%SZ); do
    flags="$flags -X k8s.io/kubernetes/vendor/k8s.io/$package.$pair"
  done
done
# Without Docker and the cloud providers, which later versions do not have either: a sixth fewer packages.
go build -p 2 -tags 'dockerless providerless' -trimpath -ldflags "-s -w $flags" -o "$root/bin/" \
  k8s.io/kubernetes/cmd/kubelet k8s.io/kubernetes/cmd/kube-proxy
rm -rf "$work"
echo "$root"
