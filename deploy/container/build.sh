#!/usr/bin/env bash
# build.sh cpu|openvino|gpu: the Bento with the newest model, its container, and from that the image
# image_classifier:cpu, :openvino or :gpu.
set -euo pipefail
cd "$(dirname "$0")/../.."

kind=${1:-}
case $kind in
cpu) bentofile=bentofile.cpu.yaml device=cpu ;;
openvino)
    mkdir -p build
    bentofile=build/bentofile.openvino.yaml device=openvino
    .venv/bin/python deploy/container/with_openvino.py bentofile.cpu.yaml >"$bentofile"
    ;;
gpu) bentofile=bentofile.yaml device=auto ;;
*) echo "error: CONTAINER is cpu, openvino or gpu, not '$kind'" >&2; exit 2 ;;
esac
docker info >/dev/null 2>&1 || { echo "error: no Docker engine answers" >&2; exit 1; }
PATH=$PWD/.venv/bin:$PATH

# The Bento asks for GPUs unless it is built for the CPU.
bento=$(CLASSIFIER_DEVICE=$device bentoml build --bentofile "$bentofile" --output tag |
    sed -n 's/^__tag__://p')
# An image of the same name. DOCKER_NETWORK: for an engine that has no network of its own.
bentoml containerize "$bento" ${DOCKER_NETWORK:+--opt "network=$DOCKER_NETWORK"}
read -r base model < <(bentoml get "$bento" --output json | python -c '
import json, sys
bento = json.load(sys.stdin)
print(bento["image"]["base_image"], bento["models"][0]["tag"])')
docker build --tag "image_classifier:$kind" \
    --build-arg "BASE=$base" \
    --build-arg "BENTO=$bento" \
    --build-arg "DEVICE=$device" \
    --build-arg "MODEL=$model" \
    --build-arg "VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)" \
    deploy/container
docker image rm "$bento" >/dev/null
echo "built image_classifier:$kind with $model from $bento"
