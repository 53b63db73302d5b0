#!/bin/bash
# Builds the image of this folder, says why its steps were done, and fetches a page from it.
# Change a file in pages/ and run it again: only what needs it is built, and the reason is shown.
set -euo pipefail
cd "$(dirname "$0")"
skerry=${SKERRY:-skerry} network=${NETWORK:-none}

$skerry image exists localhost/busybox || $skerry image bootstrap busybox --tag localhost/busybox

$skerry build --network "$network" --build-arg TITLE="${TITLE:-Greetings}" -t greeter .
$skerry build --network "$network" --explain -q . >/dev/null # nothing would be done now

$skerry run --rm --network "$network" greeter cat /pages/index.html
