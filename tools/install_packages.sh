#!/usr/bin/env bash
# Installs what building and testing braid needs, on Debian 12 or newer and Ubuntu 24.04. Does nothing when all is there.
#   --check  also clang-format 14, where the distribution has it
#   --fuzz   also clang 16, for the fuzz preset
#   --bench  also oneDNN, for bench/onednn
set -euo pipefail

packages=(g++ cmake ninja-build pkg-config git ca-certificates
  nlohmann-json3-dev libcli11-dev libspdlog-dev libfmt-dev libpcre2-dev libutf8proc-dev
  libssl-dev libflatbuffers-dev flatbuffers-compiler libgtest-dev python3 python3-pip python3-venv)
# Debian 12's libboost-dev is 1.74, too old for Asio's coroutines; newer distributions' is new enough.
. /etc/os-release
if [ "${ID:-}-${VERSION_ID:-}" = debian-12 ]; then packages+=(libboost1.81-dev); else packages+=(libboost-dev); fi
for option in "$@"; do
  case "$option" in
    --check) apt-cache show clang-format-14 >/dev/null 2>&1 && packages+=(clang-format-14) ;;
    --fuzz) packages+=(clang-16 libclang-rt-16-dev) ;;
    --bench) packages+=(libdnnl-dev) ;;
    *) echo "install_packages.sh: unknown option $option (known: --check, --fuzz, --bench)" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}" >&2
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "these packages are missing, and neither root nor sudo is at hand: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
