# Source this file. `kubernetes_source FOLDER [PACKAGE...]` unpacks Kubernetes 1.20.2, the source package of Debian bookworm, with a Go compiler
# for it, downloads more packages to FOLDER/debs, and changes to the folder of the source. `kubernetes_build FOLDER [OPTION...] PACKAGE...`
# compiles programs to a folder. Nothing is installed, and the configuration of the machine is not changed.
kubernetes_source() {
  local work=$1; shift
  mkdir -p "$work"/{apt/lists/partial,apt/cache/archives/partial,debs,src}
  cd "$work" || return 1
  # The package sources of the machine, with source packages, in a private apt configuration.
  cat /etc/apt/sources.list.d/*.sources | sed 's/^Types:.*/Types: deb deb-src/' > apt/private.sources
  cat > apt/apt.conf <<C
Dir::Etc::sourcelist "$work/apt/private.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::State::Lists "$work/apt/lists";
Dir::Cache "$work/apt/cache";
APT::Sandbox::User "root";
C
  export APT_CONFIG=$work/apt/apt.conf
  apt-get update -q > /dev/null
  (cd src && apt-get source --download-only -q kubernetes > /dev/null)
  (cd debs && apt-get download -q golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev "$@" > /dev/null)

  rm -rf kubernetes go reflect2 gopath
  mkdir -p kubernetes go reflect2 gopath/src/k8s.io
  local deb
  for deb in debs/golang-1.19-*.deb; do dpkg -x "$deb" go; done
  dpkg -x debs/golang-github-modern-go-reflect2-dev_*.deb reflect2
  tar xzf src/kubernetes_*.orig.tar.gz -C kubernetes --strip-components=1

  # The vendored reflect2 calls a runtime function whose signature changed in Go 1.18, so use the newer one of Debian.
  local vendored=kubernetes/vendor/github.com/modern-go/reflect2
  rm -rf $vendored && mkdir $vendored
  cp reflect2/usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} $vendored/ && rm -f $vendored/*_test.go

  ln -sfn "$work/kubernetes" gopath/src/k8s.io/kubernetes
  export GOROOT=$work/go/usr/lib/go-1.19 GOPATH=$work/gopath GOCACHE=$work/gocache \
    GOTOOLCHAIN=local GOPROXY=off GOSUMDB=off GO111MODULE=off CGO_ENABLED=0 GOFLAGS=
  export PATH=$GOROOT/bin:$PATH
  cd gopath/src/k8s.io/kubernetes || return 1
}

kubernetes_build() {
  local output=$1 flags='' package pair; shift
  for package in client-go/pkg/version component-base/version; do
    for pair in gitVersion=v1.20.2 gitMajor=1 gitMinor=20 gitTreeState=clean \
        gitCommit=faecb196815e248d3ecfb03c680a4507229c2a56 buildDate="$(date -u +%Y-%m-%dT%H:%M:%SZ)"; do
      flags="$flags -X k8s.io/kubernetes/vendor/k8s.io/$package.$pair"
    done
  done
  go build -p 2 -trimpath -ldflags "-s -w $flags" -o "$output/" "$@"
}
