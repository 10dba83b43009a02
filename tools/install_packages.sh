#!/usr/bin/env bash
# Installs the packages that building and testing braid needs, on Debian 12 or newer and Ubuntu 24.04. Does nothing when
# all are installed.
#   --check  also MPI; and clang-format 14, and Chromium for the page's tests (300 MB), if the distribution has them
#   --fuzz   also clang 16, for the fuzz preset
#   --bench  also oneDNN, for bench/onednn
set -euo pipefail

packages=(g++ cmake ninja-build pkg-config git ca-certificates
  nlohmann-json3-dev libcli11-dev libspdlog-dev libfmt-dev libpcre2-dev libutf8proc-dev
  libjpeg-dev libpng-dev libwebp-dev
  libssl-dev libcurl4-openssl-dev libhwloc-dev libzmq3-dev libflatbuffers-dev flatbuffers-compiler libgtest-dev python3 python3-pip python3-venv)
# Debian 12's libboost-dev is 1.74, too old for Asio's coroutines; newer distributions have a newer one.
. /etc/os-release
if [ "${ID:-}-${VERSION_ID:-}" = debian-12 ]; then packages+=(libboost1.81-dev); else packages+=(libboost-dev); fi
wished=()  # installed only if the distribution has them
for option in "$@"; do
  case "$option" in
    --check)
      packages+=(libopenmpi-dev openmpi-bin)
      wished+=(clang-format-14)
      # Ubuntu's package of Chromium only fetches a snap, which containers cannot run.
      [ "${ID:-}" != debian ] || wished+=(chromium) ;;
    --fuzz) packages+=(clang-16 libclang-rt-16-dev) ;;
    --bench) packages+=(libdnnl-dev) ;;
    *) echo "install_packages.sh: unknown option $option (known: --check, --fuzz, --bench)" >&2; exit 2 ;;
  esac
done

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]; }
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}
can_install() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }

has_updated=false
update() {
  $has_updated || as_root apt-get update -qq
  has_updated=true
}

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  can_install || { echo "these packages are missing, and neither root nor sudo is at hand: ${missing[*]}" >&2; exit 1; }
  update
fi
for package in "${wished[@]}"; do
  if ! is_installed "$package" && apt-cache show "$package" >/dev/null 2>&1; then
    if can_install; then missing+=("$package"); else echo "not installed, for want of root and sudo: $package" >&2; fi
  fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}" >&2
update
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
