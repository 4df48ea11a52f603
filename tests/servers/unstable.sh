# To be sourced: apt_unstable FOLDER lets apt read Debian unstable's packages, with all of its state in that folder. Nothing
# of the machine's own is changed or installed: take packages with `apt-get download` and unpack them with `dpkg -x`.
apt_unstable() {
  local folder=$1 sources
  mkdir -p "$folder"/{lists/partial,cache/archives/partial}
  : > "$folder/status"   # no package is installed: the machine's own may be of a higher version
  sources=$(grep -lE '^URIs:.*debian' /etc/apt/sources.list.d/*.sources | head -n 1)
  sed 's/^Suites:.*/Suites: sid/; s/^Types:.*/Types: deb/' "$sources" | awk '/^$/ && seen {exit} {seen = 1; print}' > "$folder/private.sources"
  cat > "$folder/apt.conf" <<C
Dir::Etc::sourcelist "$folder/private.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::State::Lists "$folder/lists";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
APT::Sandbox::User "root";
C
  export APT_CONFIG=$folder/apt.conf
  apt-get update -q > /dev/null
}
