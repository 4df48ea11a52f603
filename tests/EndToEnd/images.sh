#!/bin/bash
# Builds the images of EndToEnd.ps1, and pushes them to a registry without TLS: versions 1.0.0 and 1.1.0 serve their version on port 8080,
# and version 1.2.0 exits at once. They contain nothing but busybox. As root.
#   images.sh HOST:PORT/REPOSITORY
# Needs: apt-get install buildah busybox-static
set -euo pipefail
repository=$1 work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
builder() { buildah --root "$work/storage" --runroot "$work/runroot" --storage-driver vfs "$@"; }
mkdir -p "$work/files/bin"
cp "$(command -v busybox)" "$work/files/bin/"
for name in httpd sh; do ln -s busybox "$work/files/bin/$name"; done

image() { # version entry-point
  local container
  echo "$1" > "$work/files/version"
  container=$(builder from scratch)
  builder copy --quiet "$container" "$work/files" / > /dev/null
  builder config --entrypoint "$2" --user 65532 "$container"
  builder commit --quiet "$container" "$repository:$1" > /dev/null
  builder push --quiet --tls-verify=false "$repository:$1"
}
serve='["/bin/httpd", "-f", "-p", "8080", "-h", "/"]'
image 1.0.0 "$serve"
image 1.1.0 "$serve"
image 1.2.0 '["/bin/sh", "-c", "echo the configuration is missing; exit 3"]'
