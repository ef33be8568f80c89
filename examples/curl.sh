#!/usr/bin/env bash
# Classify one image with curl:
#     bash examples/curl.sh http://127.0.0.1:3000 photo.jpg
# CLASSIFIER_API_KEY=… in the environment where the service wants a key.
set -euo pipefail

url=$1
image=$2
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# If the service is overloaded (503), --retry waits for the time in Retry-After and sends again. The
# key is read from a pipe: on the command line every user of the machine could see it.
curl --silent --show-error --fail-with-body --retry 5 --max-time 60 --output "$answer" \
    -H "X-Deadline-Ms: 5000" \
    -H @<(printf '%s' "${CLASSIFIER_API_KEY:+Authorization: Bearer $CLASSIFIER_API_KEY}") \
    -F "image=@$image" -F top_k=3 "$url/classify" || status=$?

# The answer, or the error.
cat "$answer"
exit "${status:-0}"
