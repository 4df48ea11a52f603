#!/bin/bash
# Builds render, a small program that renders a Helm chart as `helm template` does (render.go), from Debian bookworm packages: Go and
# the libraries that Helm uses. Prints its path. Nothing is installed. Does nothing if it is already built from this render.go.
# Takes 30 seconds.
#   CVM_SERVERS   the target folder (default ~/.cache/cvmanager/servers)
set -euo pipefail
root=${CVM_SERVERS:-$HOME/.cache/cvmanager/servers}/helm
source=$(dirname "$(readlink -f "$0")")/render.go
[ -x "$root/bin/render" ] && cmp -s "$source" "$root/render.go" && { echo "$root/bin/render"; exit 0; }
work=$root/build
rm -rf "$work"
mkdir -p "$work"/{apt/lists/partial,apt/cache/archives/partial,debs} "$root/bin"
cd "$work"

# The package sources of the machine, in a private apt configuration.
cat /etc/apt/sources.list.d/*.sources > apt/private.sources
cat > apt/apt.conf <<C
Dir::Etc::sourcelist "$work/apt/private.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::State::Lists "$work/apt/lists";
Dir::Cache "$work/apt/cache";
APT::Sandbox::User "root";
C
export APT_CONFIG=$work/apt/apt.conf
apt-get update -q > /dev/null
packages=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
  golang-github-masterminds-sprig-dev golang-github-xeipuuv-gojsonschema-dev golang-k8s-sigs-yaml-dev | grep -E '^golang-.*-dev$' | sort -u)
# shellcheck disable=SC2086  # a list of names
(cd debs && apt-get download -q golang-1.19-go golang-1.19-src $packages > /dev/null)
for deb in debs/*.deb; do dpkg -x "$deb" tree; done
ln -sfn "$work/tree/usr/share/gocode" gopath
# Imports with a major version (GO111MODULE=off): the package is not in a folder of that name.
ln -sfn . tree/usr/share/gocode/src/github.com/Masterminds/semver/v3
export GOROOT=$work/tree/usr/lib/go-1.19 GOPATH=$work/gopath GOCACHE=$work/gocache \
  GO111MODULE=off GOTOOLCHAIN=local GOPROXY=off GOSUMDB=off GOFLAGS= CGO_ENABLED=0
"$GOROOT/bin/go" build -p 2 -ldflags '-s -w' -o "$root/bin/render" "$source"
cp "$source" "$root/render.go"
cd / && rm -rf "$work"
echo "$root/bin/render"
