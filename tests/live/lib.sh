# Sets for run.sh and record.sh: $python (with the model and the SDKs) and $rigtape (the binary under test).
root=$(cd "$here/../.." && pwd)
"$here/setup.sh" >&2
python=${RIGTAPE_LIVE_DIR:-${TMPDIR:-/tmp}/rigtape-live}/venv/bin/python
if [ -n "${RIGTAPE:-}" ]; then
  rigtape=$(realpath "$RIGTAPE")
else
  cargo build --quiet --manifest-path "$root/Cargo.toml" --bin rigtape
  rigtape=${CARGO_TARGET_DIR:-$root/target}/debug/rigtape
fi
# What the caller's own shell points at is neither our client's nor our upstream's business.
unset OPENAI_BASE_URL OPENAI_API_BASE ANTHROPIC_BASE_URL OPENAI_API_KEY ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN
