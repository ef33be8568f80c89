#!/usr/bin/env bash
# The whole way as a user goes it: `make serve`, curl, the Python client, Ctrl-C, the Bento.
set -euo pipefail
cd "$(dirname "$0")/.."

BIN=$PWD/.venv/bin
PORT=${PORT:-3939}
URL=http://127.0.0.1:$PORT
LOG=$(mktemp)
server=

# In a session of its own, so that stopping it reaches make, the supervisor and the workers.
start() {
    setsid "$@" >"$LOG" 2>&1 &
    server=$!
    for _ in $(seq 600); do
        curl --silent --fail --output /dev/null "$URL/readyz" && return
        kill -0 "$server" 2>/dev/null || { cat "$LOG"; echo "FAILED: $* ended"; exit 1; }
        sleep 0.2
    done
    cat "$LOG"
    echo "FAILED: $* was not ready in time"
    exit 1
}

stop() {
    [ -z "$server" ] && return
    kill -INT -- "-$server" 2>/dev/null || true
    wait "$server" || true
    server=
    if curl --silent --output /dev/null "$URL/livez"; then
        echo "FAILED: still answering after it was stopped"
        exit 1
    fi
}

# When something failed: the workers end when their supervisor does.
trap 'if [ -n "$server" ]; then kill -TERM -- "-$server" 2>/dev/null || true; fi; rm -f "$LOG"' EXIT

classify_everything() {
    curl --silent --show-error --fail -F image=@test_images/coffee.jpg "$URL/classify" |
        grep '"label":"espresso"' || { echo "FAILED: coffee.jpg is no espresso"; exit 1; }
    "$BIN/python" -m deployment_check --url "$URL" --no-load
}

echo "== make serve"
start make serve PORT="$PORT"
classify_everything
curl --silent --fail "$URL/health"
echo
stop

echo "== make bento, bentoml serve image_classifier:latest"
make bento >"$LOG" 2>&1 || { cat "$LOG"; exit 1; }
bento=$("$BIN/bentoml" get image_classifier:latest --output path)
for room in tests weights conversion; do
    if [ -e "$bento/src/$room" ]; then
        echo "FAILED: the Bento contains $room"
        exit 1
    fi
done
start "$BIN/bentoml" serve image_classifier:latest --host 127.0.0.1 --port "$PORT"
classify_everything
stop

echo "end to end: passed"
