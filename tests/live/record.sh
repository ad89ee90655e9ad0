#!/usr/bin/env bash
# Records, again, every tape of cassettes/ that the model on loopback can produce.
#
#   tests/live/record.sh                       # all of them
#   tests/live/record.sh openai-chat/plain     # only the tapes named
#
# A tape is replaced only when its recording succeeded.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cassettes=$root/cassettes
requests=$here/requests
wanted=("$@")

work=$(mktemp -d)
server=
trap 'stop_model; rm -rf "$work"' EXIT

start_model() { # start_model [model.py's options]; sets $url
  "$python" "$here/model.py" --with-parent "$@" >"$work/model" &
  server=$!
  until grep -q '^listening on ' "$work/model"; do
    kill -0 "$server" 2>/dev/null || { echo "record: the model did not start" >&2; exit 1; }
    sleep 0.1
  done
  url=$(sed -n 's/^listening on //p' "$work/model")
}

stop_model() { # stop_model [SIGNAL]
  [ -z "$server" ] || { kill "-${1:-TERM}" "$server" && wait "$server" || true; } 2>/dev/null
  server=
}

want() { # want TAPE: whether it was asked for
  [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]]
}

keep() { # keep TAPE: moves the new recording to its place
  mkdir -p "$(dirname "$cassettes/$1")"
  mv "$work/tape.jsonl" "$cassettes/$1.jsonl"
  echo "recorded $1"
}

one() { # one DIALECT PROPERTY TITLE: one request, recorded by itself
  want "$1/$2" || return 0
  local path
  case $1 in
    openai-chat) path=chat/completions ;;
    anthropic-messages) path=messages ;;
    openai-responses) path=responses ;;
  esac
  "$rigtape" record "$url/v1/$path" --json "@$requests/$1/$2.json" -o "$work/tape.jsonl" --force --title "$3" >/dev/null
  keep "$1/$2"
}

around() { # around TAPE TITLE COMMAND…: what the command asks for, through the proxy
  local tape=$1 title=$2
  shift 2
  want "$tape" || return 0
  "$rigtape" record --upstream "$url" -o "$work/tape.jsonl" --force --title "$title" -- "$@" >/dev/null
  keep "$tape"
}

ask='curl -sN "$OPENAI_BASE_URL/chat/completions" -H "content-type: application/json" --data-binary'

start_model
one openai-chat plain             "plain text"
one openai-chat utf8_split        "multi-byte text and emoji, cut by tokens"
one openai-chat torn_first_token "the first token is half a character: no delta with a role"
one openai-chat length            "cut off by max_tokens: finish_reason length"
one openai-chat usage_tail        "usage in a last chunk without choices"
one openai-chat logprobs          "logprobs with each token"
one openai-chat structured_output "JSON that follows a schema"
one openai-chat tool_call         "one tool call in fragments"
one openai-chat tool_call_length  "a tool call cut off by max_tokens"
one openai-chat parallel_tools    "two tool calls in one turn"
one openai-chat n_choices         "two choices, interleaved"
one openai-chat whole             "an answer that is not streamed"
one openai-chat whole_tool_call   "a tool call that is not streamed"
one openai-chat error_400         "a request that is refused: a grammar beside tools"
around openai-chat/agent_loop "two turns: a tool call, its result, the answer" \
  "$python" "$here/../clients/agent_loop.py"
around openai-chat/client_left "the client leaves in mid-stream" \
  sh -c "$ask @'$requests/openai-chat/long.json' | head -c 3000"
around openai-chat/two_streams "two streams at once through one proxy" \
  sh -c "$ask @'$requests/openai-chat/utf8_split.json' & $ask @'$requests/openai-chat/length.json' & wait"

one anthropic-messages plain          "plain text"
one anthropic-messages utf8_split     "multi-byte text and emoji, cut by tokens"
one anthropic-messages torn_first_token "the first token is half a character: no message_start"
one anthropic-messages length         "cut off by max_tokens: stop_reason max_tokens"
one anthropic-messages tool_call      "one tool call in fragments"
one anthropic-messages parallel_tools "two tool calls in one turn"
one anthropic-messages whole          "an answer that is not streamed"
one anthropic-messages error_400      "a request that is refused: a tool with a broken schema"

one openai-responses plain          "plain text"
one openai-responses utf8_split     "multi-byte text and emoji, cut by tokens"
one openai-responses torn_first_token "the first token is half a character: response.created before every delta"
one openai-responses length         "cut off by max_output_tokens"
one openai-responses tool_call      "one tool call in fragments"
one openai-responses parallel_tools "two tool calls in one turn"
one openai-responses whole          "an answer that is not streamed"
one openai-responses error_400      "a request that is refused: a grammar beside tools"
stop_model

if want openai-chat/comments; then
  start_model --ping 1
  one openai-chat comments "comments while the prompt is read, then text"
  stop_model
fi

if want openai-chat/server_killed; then
  start_model
  "$rigtape" record --upstream "$url" -o "$work/tape.jsonl" --force --title "the server is killed in mid-stream" \
    -- sh -c "$ask @'$requests/openai-chat/long.json'" >"$work/body" &
  recorder=$!
  until [ "$(wc -c <"$work/body")" -ge 3000 ]; do
    kill -0 "$recorder" 2>/dev/null || { echo "record: the stream ended before the server was killed" >&2; exit 1; }
    sleep 0.05
  done
  stop_model KILL
  wait "$recorder" || true
  keep openai-chat/server_killed
fi
