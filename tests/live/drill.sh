#!/usr/bin/env bash
# `rigtape drill` on clients that are broken on purpose, on one that is right, and its speed; needs
# nothing but python3.
#
#   tests/live/drill.sh
#   RIGTAPE=target/release/rigtape tests/live/drill.sh
#
# Prints a line a check; the status is not zero when one failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
rigtape=${RIGTAPE:-target/debug/rigtape}
[ -n "${RIGTAPE:-}" ] || cargo build --quiet --bin rigtape
exec python3 tests/live/drill.py "$(realpath "$rigtape")"
