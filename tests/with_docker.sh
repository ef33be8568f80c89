#!/usr/bin/env bash
# with_docker.sh COMMAND…: run a command where `docker` works and has the base image of our
# container. Takes the engine that is there; otherwise, as root on Debian, starts one for as
# long as the command runs, with a stand-in for the base image, for machines that reach no image
# registry. Where neither can be had it says SKIPPED, and why, and does not run the command.
set -euo pipefail

MINOR='import sys; print("%d.%d" % sys.version_info[:2])'
PYTHON=$(.venv/bin/python -c "$MINOR")
BASE=python:$PYTHON-slim

skip() {
    local line
    line=$(printf '#%.0s' {1..72})
    printf '\n%s\n#  %s\n#  %s\n%s\n\n' "$line" \
        "SKIPPED: the container was NOT built and NOT tested." "Why: $*" "$line"
    exit 0
}

has_base() {
    docker image inspect "$BASE" >/dev/null 2>&1 || timeout 120 docker pull "$BASE" >/dev/null 2>&1
}

if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    has_base || skip "this Docker engine has no $BASE and cannot pull it"
    exec "$@"
fi

# Unix socket paths are limited to 108 characters.
W=$(mktemp -d /tmp/dk.XXXX)
stop_engine() {
    status=$?
    if [ -s "$W/dockerd.pid" ]; then
        engine=$(<"$W/dockerd.pid")
        kill "$engine" 2>/dev/null || true
        while kill -0 "$engine" 2>/dev/null; do sleep 0.1; done
        umount "$W/exec/netns/default" 2>/dev/null || true
    fi
    rm -rf "$W"
    exit "$status"
}
trap stop_engine EXIT

[ "$(id -u)" = 0 ] || skip "no Docker engine answers, and only root can start one"
command -v dockerd >/dev/null && command -v mmdebstrap >/dev/null || {
    command -v apt-get >/dev/null || skip "no Docker engine answers, and apt-get is not here"
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends docker.io mmdebstrap; } \
        >"$W/log" 2>&1 || { tail -5 "$W/log"; skip "apt-get cannot install docker.io and mmdebstrap"; }
}

# The client of the engine's own version: a newer one may want a BuildKit that is not there,
# and BuildKit wants its syntax from a registry.
mkdir "$W/bin"
ln -s /usr/bin/docker "$W/bin/docker"
export PATH=$W/bin:$PATH DOCKER_HOST=unix://$W/docker.sock DOCKER_BUILDKIT=0
# Without networks of its own, which need rights that a container may not have.
dockerd --host "$DOCKER_HOST" --data-root "$W/data" --exec-root "$W/exec" \
    --pidfile "$W/dockerd.pid" --bridge=none --iptables=false --ip6tables=false \
    >"$W/dockerd.log" 2>&1 &
for _ in $(seq 300); do
    docker info >/dev/null 2>&1 && break
    kill -0 "$!" 2>/dev/null || break
    sleep 0.1
done
docker info >/dev/null 2>&1 || { tail -5 "$W/dockerd.log"; skip "no Docker engine can be started here"; }

# The same certificates as here, since the installation in the container goes the same way.
stand_in() {
    # shellcheck disable=SC2016
    TMPDIR=$W mmdebstrap --quiet --variant=minbase --mode=root --format=tar \
        --include=python3,python3-pip,ca-certificates \
        --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='cp -r /usr/local/share/ca-certificates "$1/usr/local/share/"' \
        --customize-hook='chroot "$1" update-ca-certificates' \
        --customize-hook='rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED' \
        --customize-hook='ln -s python3 "$1/usr/bin/python"' \
        "$(. /etc/os-release && echo "$VERSION_CODENAME")" - |
        docker import --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
            --change 'CMD ["python3"]' - "$BASE" >/dev/null
}
has_base || { echo "making a stand-in for $BASE"; stand_in >"$W/log" 2>&1; } ||
    { tail -5 "$W/log"; skip "neither $BASE nor a stand-in for it can be had"; }
# An engine without networks can only lend the machine's.
export DOCKER_NETWORK=host
found=$(docker run --rm --network "$DOCKER_NETWORK" "$BASE" python -c "$MINOR") ||
    skip "this Docker engine cannot run containers"
[ "$found" = "$PYTHON" ] || skip "the stand-in for $BASE has Python $found"
"$@"
