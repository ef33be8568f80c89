#!/usr/bin/env bash
# The CPU image, built, run, broken and stopped as the README says it; with_docker.sh runs this.
set -euo pipefail
cd "$(dirname "$0")/.."

PORT=${PORT:-3940}
URL=http://127.0.0.1:$PORT
MOST_BYTES=500000000
LOG=$(mktemp)

RUN='docker run --detach --name classifier --publish 127.0.0.1:3000:3000 --cpus 2 --memory 2g --pids-limit 256 --read-only --tmpfs /tmp:size=128m --cap-drop ALL --security-opt no-new-privileges --stop-timeout 40 image_classifier:cpu'
if [ "${DOCKER_NETWORK:-}" = host ]; then
    RUN=${RUN/--publish 127.0.0.1:3000:3000/--network host --env BENTOML_HOST=127.0.0.1 --env BENTOML_PORT=$PORT}
else
    RUN=${RUN/127.0.0.1:3000/127.0.0.1:$PORT}
fi

fail() {
    docker logs --tail 20 classifier 2>&1 || true
    echo "FAILED: $*"
    exit 1
}

expect() {
    [ "$2" = "$3" ] || fail "$1 is '$2', expected '$3'"
    echo "$1: $2"
}

label() {
    docker inspect --format "{{index .Config.Labels \"$1\"}}" image_classifier:cpu
}

inside() {
    docker exec classifier "$@"
}

wait_until_healthy() {
    for _ in $(seq 120); do
        health=$(docker inspect --format '{{.State.Health.Status}}' classifier)
        [ "$health" = healthy ] && break
        sleep 0.5
    done
    expect "health check" "$health" healthy
}

echo "== make container CONTAINER=cpu"
make container CONTAINER=cpu >"$LOG" 2>&1 || { tail -20 "$LOG"; echo "FAILED: make container"; exit 1; }
size=$(docker image inspect --format '{{.Size}}' image_classifier:cpu)
echo "size: $((size / 1000000)) MB"
[ "$size" -le "$MOST_BYTES" ] || fail "the image has $size bytes, at most $MOST_BYTES expected"

echo "== docker run with a GPU that is not there"
refusal=$(${RUN/--detach --name classifier/--rm --env CLASSIFIER_DEVICE=cuda} 2>&1) && fail "it was started"
expect "refusal" "$(grep -v WARNING <<<"$refusal" | sed 's/^.*Service loaded from.*$//; /^$/d')" \
    "error: CLASSIFIER_DEVICE=cuda cannot be had: this build of ONNX Runtime has no CUDAExecutionProvider"

echo "== docker run"
$RUN >/dev/null
trap 'docker rm --force classifier >/dev/null; rm -f "$LOG"' EXIT
wait_until_healthy
.venv/bin/python -m deployment_check --url "$URL" --no-load || fail "see above"

model=$(curl --silent --fail "$URL/health" | .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["model"])')
expect "label: model" "$(label image-classifier.model)" "$model"
expect "label: title" "$(label org.opencontainers.image.title)" "${model%%:*}"
expect "label: licence" "$(label org.opencontainers.image.licenses)" Apache-2.0
expect "label: version" "$(label org.opencontainers.image.version)" "$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)"
[ "$(inside id -u)" != 0 ] || fail "it runs as root"
expect "capabilities" "$(inside sed -n 's/^CapBnd:\t//p' /proc/1/status)" 0000000000000000
expect "no new privileges" "$(inside sed -n 's/^NoNewPrivs:\t//p' /proc/1/status)" 1
for file in /root-file /app/file /home/bentoml/file /home/bentoml/bento/file; do
    ! inside touch "$file" 2>/dev/null || fail "$file can be written"
done
for program in cc gcc uv; do
    ! inside sh -c "command -v $program" || fail "it has $program"
done
expect "heavy packages" "$(inside python -c 'from importlib.util import find_spec
print([name for name in ("torch", "onnx", "nvidia") if find_spec(name)])')" "[]"

echo "== a worker is killed, then docker stop with requests in flight"
.venv/bin/python -m resilience.faults.container "$URL" classifier "docker stop classifier" ||
    fail "see above"

echo "container: passed"
