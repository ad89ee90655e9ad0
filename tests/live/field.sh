#!/usr/bin/env bash
# Drills public clients and writes what came of it to docs/drill-results.md.
#
#   tests/live/field.sh                      # all clients
#   tests/live/field.sh openai-python        # only those named; the others' last results stay
#   RIGTAPE=target/release/rigtape tests/live/field.sh
#
# The clients in Rust are built from tests/clients/field; FIELD_TARGET says where to, and is a folder in
# the scratch folder otherwise.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
live=${RIGTAPE_LIVE_DIR:-${TMPDIR:-/tmp}/rigtape-live}
export RIGTAPE_NODE=$live/node
export FIELD_TARGET=${FIELD_TARGET:-$live/field}
cargo build --quiet --locked --manifest-path "$root/tests/clients/field/Cargo.toml" --target-dir "$FIELD_TARGET"
cd "$root"
exec "$python" "$here/field.py" "$rigtape" "$@"
