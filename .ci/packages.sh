# Packages that Depot needs, and the one visible apt call that installs what is missing.
# Sourced by ./run and ./test; does nothing by itself.
#
#   . .ci/packages.sh
#   install_packages "${depot_packages_run[@]}"

# To build and run. In Debian 12 Boost is 1.81 by name: its default 1.74 cannot be installed beside
# it, and for the same reason msgpack-cxx (which pulls 1.74 in) is not among them (docs/adr/0001).
# Later systems' default is new enough.
boost=
if [ -e /etc/debian_version ] && grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then
  boost=1.81
fi
depot_packages_run=(
  g++ cmake ninja-build pkg-config
  "libboost$boost-dev" "libboost-json$boost-dev" "libboost-url$boost-dev"
  libcli11-dev libexpected-dev libfmt-dev libhiredis-dev libhowardhinnant-date-dev
  libkainjow-mustache-dev libsodium-dev libspdlog-dev libyaml-cpp-dev libzmq3-dev
  prometheus-cpp-dev redis-server redis-tools
)

# To test, beside those.
depot_packages_test=(
  libgtest-dev libgmock-dev librapidcheck-dev curl python3 python3-msgpack python3-zmq
  slowhttptest xz-utils
)

# For the checks of style and for the browser.
depot_packages_style=(clang-format clang-tidy)
depot_packages_browser=(chromium)

# For the fuzzers. The sanitizers and libFuzzer have their release's version in their name.
depot_packages_fuzz=(clang)
case $(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null) in
  bookworm) depot_packages_fuzz+=(libclang-rt-14-dev) ;;
  noble) depot_packages_fuzz+=(libclang-rt-18-dev) ;;
  trixie) depot_packages_fuzz+=(libclang-rt-19-dev) ;;
esac

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Installs those of the named packages that are missing, by one apt call that is shown.
# Returns 1, with what to do, where there is no apt, no right to use it, or it fails.
install_packages() {
  local missing=() package known='Debian 12 and 13, Ubuntu 24.04'
  for package in "$@"; do is_installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -eq 0 ] && return 0
  if ! command -v apt-get >/dev/null; then
    echo "There is no apt-get to install these packages of $known: ${missing[*]}
Elsewhere use the Dockerfile: docker build -t depot . && docker run --rm -p 8080:8080 depot" >&2
    return 1
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Neither root nor sudo. As root: apt-get install ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "Installing: ${as_root[*]}${as_root:+ }apt-get install --no-install-recommends ${missing[*]}"
  "${as_root[@]}" bash -s -- "${missing[@]}" <<'ROOT'
# Debian starts the service of a package that it installs. Depot runs a Redis of its own and leaves
# none behind, so starting is forbidden meanwhile, and a Redis that we brought is not enabled.
set -u
policy=/usr/sbin/policy-rc.d
had_redis=$([ -e /etc/init.d/redis-server ] && echo yes)
if [ ! -e $policy ]; then
  trap 'rm -f '$policy EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
quiet="-qq -o Dpkg::Use-Pty=0"
if ! apt-get $quiet update; then echo "apt-get update failed; trying with the old lists" >&2; fi
apt-get $quiet -y install --no-install-recommends "$@" >/tmp/depot-apt.$$ 2>&1 || {
  tail -n 20 /tmp/depot-apt.$$ >&2
  rm -f /tmp/depot-apt.$$
  exit 1
}
rm -f /tmp/depot-apt.$$
if [ -z "$had_redis" ] && [ -e /etc/init.d/redis-server ]; then
  update-rc.d redis-server disable >/dev/null 2>&1
fi
exit 0
ROOT
  local code=$?
  [ $code -eq 0 ] || echo "Installing failed. What apt said stands above; then run this again.
Depot's packages are named as in $known; elsewhere use the Dockerfile." >&2
  return $code
}
