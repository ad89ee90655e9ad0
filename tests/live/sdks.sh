#!/usr/bin/env bash
# The official SDKs for Python and Node through `rigtape serve`: text, tool loops, errors and misses.
#
#   tests/live/sdks.sh
#   RIGTAPE=target/release/rigtape tests/live/sdks.sh
#
# Prints a line a check, then `N passed, N failed`; the status is not zero when one failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
export RIGTAPE_NODE=${RIGTAPE_LIVE_DIR:-${TMPDIR:-/tmp}/rigtape-live}/node
exec "$python" "$here/sdks.py" "$rigtape" "$@"
