#!/bin/bash
# A web server in a container, on port 8080 of this host. Run it again: the old container is replaced.
# PORT=8081 NAME=other examples/web-server.sh makes another one; `skerry rm -f web` ends it.
set -euo pipefail

skerry=${SKERRY:-skerry} port=${PORT:-8080} name=${NAME:-web} image=localhost/nginx:bookworm

if ! command -v curl >/dev/null; then
    echo "curl is missing: installing it"
    { apt-get install -y -qq --no-install-recommends curl || { apt-get update -qq && apt-get install -y -qq --no-install-recommends curl; }; } </dev/null >/dev/null
fi

# The image comes from Debian's own signed archive; no registry is needed. Once made, it stays.
if ! $skerry image exists "$image"; then
    echo "making $image: a minimal Debian with nginx (about a minute)"
    $skerry image bootstrap bookworm --include nginx --tag "$image"
fi

$skerry rm -f "$name" >/dev/null 2>&1 || true # of an earlier run
$skerry run -d --name "$name" -p "$port:80" "$image" nginx -g 'daemon off;' >/dev/null

for _ in {1..100}; do
    if answer=$(curl -sS --max-time 5 "http://127.0.0.1:$port/" 2>/dev/null); then
        printf '%s\n' "$answer"
        echo "nginx answers on http://127.0.0.1:$port/ ('$skerry logs $name' shows its log, '$skerry rm -f $name' ends it)"
        exit 0
    fi
    sleep 0.1
done
echo "nothing answers on port $port; the container's log:" >&2
$skerry logs "$name" >&2 || true
exit 1
