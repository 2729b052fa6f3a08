#!/usr/bin/env bash
# The tour of README.md as a script that checks every answer. Needs curl and python3, and a running server:
#
#   CLARY_URL=http://127.0.0.1:8000 CLARY_USER=admin CLARY_PASSWORD=… examples/tour/tour.sh
#
# It makes one provider, one agent and two conversations, and removes them again. It answers with the demo model, so it
# needs no key.
set -euo pipefail

: "${CLARY_URL:?address of the server, like http://127.0.0.1:8000}"
: "${CLARY_USER:?name of a user}"
: "${CLARY_PASSWORD:?password of that user}"

work=$(mktemp -d)
chat=""
cleanup() {
  if [ -n "$chat" ]; then kill "$chat" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

fail() { echo "FAILED: $1" >&2; exit 1; }
same() { [ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"; echo "ok  $1"; }

# field EXPRESSION: evaluates a Python expression over `it`, the JSON on standard input.
field() { python3 -c 'import json,sys; it=json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
# last EXPRESSION FILE: the same over the last line of a stream.
last() { grep . "$2" | tail -n 1 | field "$1"; }

api() { # api METHOD PATH [BODY]
  curl -sS --max-time 60 -X "$1" "$CLARY_URL$2" -H "Authorization: Bearer $token" -H 'Accept-Language: en' \
    -H 'Content-Type: application/json' ${3:+-d "$3"}
}

# 1. Sign in
login=$(python3 -c 'import json,sys; print(json.dumps({"username_or_email": sys.argv[1], "password": sys.argv[2]}))' \
  "$CLARY_USER" "$CLARY_PASSWORD")
answer=$(curl -sS --max-time 60 "$CLARY_URL/api/auth/login" -H 'Content-Type: application/json' \
  -c "$work/cookies" -d "$login")
same "sign in" "$(field 'it["code"]' <<<"$answer")" 200
token=$(field 'it["data"]["access_token"]' <<<"$answer")
answer=$(curl -sS --max-time 60 "$CLARY_URL/api/auth/session" -b "$work/cookies")
same "the cookie is a session too" "$(field 'it["data"]["user"]["username"]' <<<"$answer")" "$CLARY_USER"

# 2. A provider: stored without being tried, its key never shown again
answer=$(api POST /api/llm-provider/create \
  '{"name":"Tour","base_url":"https://models.example.com/v1","api_keys":["sk-tour-0123456789"],"model":"some-model"}')
same "create a provider" "$(field 'it["code"]' <<<"$answer")" 200
provider=$(field 'it["data"]["id"]' <<<"$answer")
same "its key is hidden" "$(api GET /api/llm-provider/list | grep -c sk-tour-0123456789 || true)" 0
same "delete it" "$(api DELETE "/api/llm-provider/delete/$provider" | field 'it["data"]["provider_id"]')" "$provider"
same "the demo model is offered" \
  "$(api GET '/api/llm-provider/list?include=system' | field '"demo" in [each["id"] for each in it["data"]]')" True

# 3. An agent with tools
answer=$(api POST /api/agent/create "{\"name\":\"Tour $RANDOM$RANDOM\",\"agentMode\":\"simple\",\"llm_provider_id\":\"demo\",
  \"availableTools\":[\"todo_write\",\"todo_read\",\"list_dir\",\"file_read\"]}")
same "create an agent" "$(field 'it["code"]' <<<"$answer")" 200
agent=$(field 'it["data"]["id"]' <<<"$answer")

# 4. Chat: one JSON object a line
first="tour-$$-$RANDOM"
api POST /api/web-stream \
  "{\"agent_id\":\"$agent\",\"session_id\":\"$first\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}" >"$work/lines"
same "the stream ends" "$(last 'it["type"], it["status"]' "$work/lines")" "('stream_end', 'completed')"
same "the last line counts those before it" \
  "$(last 'it["total_stream_count"] + 1' "$work/lines")" "$(grep -c . "$work/lines")"
same "a tool was called" "$(grep -c '"type":"tool_call_result"' "$work/lines")" 1

# 5. Resume: any line number, the same bytes
api GET "/api/stream/resume/$first?last_index=10" | grep . >"$work/rest"
grep . "$work/lines" | tail -n +11 >"$work/expected"
cmp -s "$work/rest" "$work/expected" || fail "resumed lines differ"
echo "ok  resume at line 10 repeats and misses nothing"

# 6. History, run, task list
same "history" "$(api GET "/api/conversations/$first/messages" | field 'it["data"]["messages"][0]["content"]')" Hello
run=$(last 'it["run_id"]' "$work/lines")
same "the run" "$(api GET "/api/runs/$run" | field 'it["data"]["status"]')" completed

# 7. Interrupt: the run is stopped by another request
second="tour-$$-$RANDOM-stop"
api POST /api/web-stream \
  "{\"agent_id\":\"$agent\",\"session_id\":\"$second\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}" >"$work/cut" &
chat=$!
for _ in $(seq 100); do
  answer=$(api POST "/api/sessions/$second/interrupt" '{"message":"enough"}')
  stopped=$(field '(it.get("data") or {}).get("interrupted")' <<<"$answer")
  [ "$stopped" = True ] && break
  sleep 0.1
done
same "interrupt" "$stopped" True
wait "$chat"
chat=""
same "the stream says so" "$(last 'it["status"], it["end_reason"]' "$work/cut")" "('interrupted', 'interrupt_request')"

# 8. Clean up
for session in "$first" "$second"; do
  same "delete a conversation" "$(api DELETE "/api/conversations/$session" | field 'it["code"]')" 200
done
same "delete the agent" "$(api DELETE "/api/agent/$agent" | field 'it["code"]')" 200
echo "The tour is complete."
