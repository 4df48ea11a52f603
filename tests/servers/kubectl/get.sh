#!/bin/bash
# Downloads kubectl of a recent Kubernetes (1.36) from Debian unstable, in addition to the one of the control plane, and prints its
# path. Nothing is installed. Does nothing if it is already downloaded.
#   CVM_SERVERS   the target folder (default ~/.cache/cvmanager/servers)
set -euo pipefail
root=${CVM_SERVERS:-$HOME/.cache/cvmanager/servers}/kubectl
[ -x "$root/bin/kubectl" ] && { echo "$root/bin/kubectl"; exit 0; }
# shellcheck source=tests/servers/unstable.sh
. "$(dirname "$(readlink -f "$0")")/../unstable.sh"
work=$root/build
mkdir -p "$work/debs" "$root/bin"
apt_unstable "$work"
(cd "$work/debs" && apt-get download -q kubectl > /dev/null)
dpkg -x "$work"/debs/kubectl_*.deb "$work/tree"
mv "$work/tree/usr/bin/kubectl" "$root/bin/"
rm -rf "$work"
echo "$root/bin/kubectl"
