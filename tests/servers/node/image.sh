#!/bin/bash
# Builds the controller's image of this clone, as a release does (build.ps1, deploy/docker/Dockerfile), and pushes it to the registry of up.sh as
# cvmanager:TAG. Its base is a stand-in for the public one: Debian bookworm and the machine's .NET runtime; it is made once. Prints the
# reference that pods use, and on standard error the sizes.
#   image.sh [TAG]
# Needs: apt-get install buildah mmdebstrap skopeo; the .NET 10 SDK. Root.
#   CVM_SERVERS, REGISTRY_PORT, NODE_IP   as for up.sh
set -euo pipefail
clone=$(cd "$(dirname "$(readlink -f "$0")")/../../.." && pwd) tag=${1:-latest}
root=${CVM_SERVERS:-$HOME/.cache/cvmanager/servers}/node
port=${REGISTRY_PORT:-28000} address=${NODE_IP:-10.99.0.1}
work=$root/image
mkdir -p "$work"
for program in buildah mmdebstrap skopeo dotnet; do
  command -v $program > /dev/null || { echo "no $program: see the head of $0" >&2; exit 1; }
done
builder() { buildah --root "$work/storage" --runroot "$work/runroot" --storage-driver vfs "$@"; }
dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")

if ! builder inspect --type image localhost/dotnet:base > /dev/null 2>&1; then
  rm -rf "$work/rootfs"
  mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)
  mmdebstrap --quiet --mode=root --variant=essential --include=ca-certificates,libicu72,libssl3,libstdc++6,tzdata,zlib1g \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    bookworm "$work/rootfs" "deb $mirror bookworm main" >&2
  mkdir -p "$work/rootfs/usr/share/dotnet/shared/Microsoft.NETCore.App"
  cp -a "$dotnet"/{dotnet,host} "$work/rootfs/usr/share/dotnet/"
  cp -a "$(find "$dotnet/shared/Microsoft.NETCore.App" -maxdepth 1 -name '10.*' | sort -V | tail -n 1)" "$work/rootfs/usr/share/dotnet/shared/Microsoft.NETCore.App/"
  printf 'FROM scratch\nCOPY rootfs /\nENV LANG=C.UTF-8\n' > "$work/Dockerfile"
  builder bud --quiet --isolation chroot -f "$work/Dockerfile" -t localhost/dotnet:base "$work" > /dev/null
  rm -rf "$work/rootfs"
fi

cd "$clone"
{ dotnet tool restore && dotnet tool run pwsh -NoProfile ./build.ps1 -Task Pack -Output "$work/artifacts" &&
  dotnet tool run pwsh -NoProfile ./build.ps1 -Task Image -Output "$work/artifacts" -Platform amd64; } >&2
version=$(sed -n 's/.*<Version>\(.*\)<\/Version>.*/\1/p' Directory.Build.props)
builder bud --quiet --isolation chroot -f deploy/docker/Dockerfile --build-arg BASE=localhost/dotnet:base --build-arg TARGETARCH=amd64 \
  --build-arg VERSION="$version" --build-arg REVISION="$(git rev-parse HEAD 2> /dev/null)" -t "localhost/cvmanager:$tag" "$work/artifacts-image" > /dev/null
builder push --quiet --tls-verify=false "localhost/cvmanager:$tag" "docker://127.0.0.1:$port/cvmanager:$tag" >&2
skopeo inspect --raw --tls-verify=false "docker://127.0.0.1:$port/cvmanager:$tag" |
  awk 'BEGIN {RS = "[,}]"} /"size":/ {gsub(/[^0-9]/, ""); n = $0; sizes[++count] = n; sum += n} END {
    printf "image: %.1f MB compressed (layers:", sum / 1e6; for (i = 2; i <= count; i++) printf " %.1f", sizes[i] / 1e6; print ")"}' >&2
echo "unpacked, without the base: $(du -sm "$work/artifacts-image" | cut -f1) MB" >&2
echo "$address:$port/cvmanager:$tag"
