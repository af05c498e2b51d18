#!/usr/bin/env bash
# Sets up .venv for this checkout and the Debian packages the panel needs; says what it does.
# Called by the Makefile when pyproject.toml changed or .venv is missing. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }

# What is needed, and what for: Qt without and with a screen, sound out, a virtual screen for tests.
packages=(
  python3-venv
  libgl1 libegl1 libglib2.0-0 libfontconfig1 libx11-6 libxkbcommon0 libdbus-1-3
  libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxkbcommon-x11-0
  libportaudio2 fonts-dejavu-core xvfb xauth
)
if command -v dpkg-query >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    say "Installing Debian packages: ${missing[*]}"
    run=()
    if [ "$(id -u)" != 0 ]; then
      command -v sudo >/dev/null || {
        echo "These Debian packages are missing and neither root nor sudo is at hand. Run as root:" >&2
        echo "  apt-get install ${missing[*]}" >&2
        exit 1
      }
      run=(sudo)
    fi
    "${run[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
fi

python=""
for candidate in python3.11 python3.12 python3; do
  if command -v "$candidate" >/dev/null &&
    "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || { echo "Python 3.11 or 3.12 is needed; install the package python3.11." >&2; exit 1; }

if [ ! -x .venv/bin/python ]; then
  say "Creating .venv with $($python --version)"
  "$python" -m venv .venv
fi
say "Installing the pinned Python packages into .venv (the first time: about 5 GB, a few minutes)"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
touch .venv/.ready
say "Ready: .venv/bin/vatt"
