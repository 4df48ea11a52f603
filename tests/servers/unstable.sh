# Source this file. `apt_unstable FOLDER` configures apt for Debian unstable, with all state in that folder. Nothing is installed,
# and the configuration of the machine is not changed: use `apt-get download`, and unpack packages with `dpkg -x`.
apt_unstable() {
  local folder=$1 sources
  mkdir -p "$folder"/{lists/partial,cache/archives/partial}
  : > "$folder/status"   # pretend that no package is installed: an installed one can have a higher version
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
