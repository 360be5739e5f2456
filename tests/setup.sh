#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: Chromium, and Python's venv module. Quiet when all is there.
set -euo pipefail

missing=()
if [ -z "${CHROMIUM_BIN:-}" ] && ! command -v chromium >/dev/null 2>&1; then missing+=(chromium); fi
if ! python3 -c 'import venv, ensurepip' >/dev/null 2>&1; then missing+=(python3 python3-venv); fi
if ! command -v npm >/dev/null 2>&1; then echo "npm is missing: install Node 20" >&2; exit 1; fi
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=""
if [ "$(id -u)" -ne 0 ]; then sudo="sudo"; fi
echo "installing: ${missing[*]}"
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
