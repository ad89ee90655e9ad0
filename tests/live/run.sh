#!/usr/bin/env bash
# The live test: records a real model on loopback through `rigtape record`, replays the tapes, and
# holds bytes and transcripts against what the live client saw.
#
#   tests/live/run.sh                        # every dialect
#   tests/live/run.sh openai-chat            # only the dialects named
#   RIGTAPE=target/release/rigtape tests/live/run.sh
#
# Prints a line a check, then `N passed, N failed`; the status is not zero when one failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
exec "$python" "$here/run.py" "$rigtape" "$@"
