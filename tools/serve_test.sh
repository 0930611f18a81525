#!/bin/sh
# serve_test.sh [BUILD]: what takes longer of the server's tests, or wants what they do without:
# OpenAI's package for Node, kubernetes-validate, schemathesis over /openapi.json, and the rude clients
# of tests/server for $PIPILO_RUDE_SECONDS (default 1800).
set -eu

cd "$(dirname "$0")/.."
build=${1:-build/release}
tools/setup.sh test
# An environment of its own, made anew when the list changes.
venv=.deps/venv-serve
if ! cmp -s tools/requirements/serve.txt "$venv/made-from"; then
    rm -rf "$venv"
    .deps/venv/bin/python -m venv "$venv"
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet install -r tools/requirements/serve.txt
    cp tools/requirements/serve.txt "$venv/made-from"
fi
# Without Node its tests say so and are passed over.
openai=openai@7.57.0
if command -v npm > /dev/null && [ "$(cat .deps/node/made-from 2> /dev/null)" != "$openai" ]; then
    rm -rf .deps/node
    mkdir -p .deps/node
    (cd .deps/node && npm install --silent --no-audit --no-fund "$openai")
    echo "$openai" > .deps/node/made-from
fi
PIPILO_BIN=$PWD/$build/cli/pipilo .deps/venv/bin/python -m pytest -q -rs -p no:cacheprovider \
    tests/server/test_serve_node.py tests/server/test_serve_docs.py
"$venv/bin/kubernetes-validate" --strict --quiet deploy/kubernetes.yaml
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || :; rm -rf "$folder"' EXIT

"$build/cli/pipilo" serve -m null:8 --store "$folder/kept.db" --listen 127.0.0.1:0 \
    --access-log "$folder/log" 2> "$folder/said" &
server=$!
while ! grep -q 'serving at' "$folder/said"; do
    kill -0 "$server" || { cat "$folder/said" >&2; exit 1; }
    sleep 0.1
done
url=$(sed -n 's/.*serving at \(.*\)/\1/p' "$folder/said")
for photo in .deps/photos/*.png; do
    .deps/venv/bin/python -c 'import sys, urllib.request
urllib.request.urlopen(sys.argv[1], open(sys.argv[2], "rb").read())' "$url/v1/items" "$photo"
done
# A schema cannot say which bytes are a picture: once with whatever it allows, but for the check that
# this is accepted; once with pictures, and all checks.
"$venv/bin/schemathesis" run "$url/openapi.json" --max-examples 50 \
    --exclude-checks positive_data_acceptance
SCHEMATHESIS_HOOKS=valid_requests PYTHONPATH=tests/server \
    "$venv/bin/schemathesis" run "$url/openapi.json" --max-examples 50 --generation-allow-x00 false
kill "$server"
wait "$server"
server=

PIPILO_RUDE_SECONDS=${PIPILO_RUDE_SECONDS:-1800} PIPILO_BIN=$PWD/$build/cli/pipilo \
    .deps/venv/bin/python -m pytest -q -p no:cacheprovider -o timeout=0 -o faulthandler_timeout=0 \
    tests/server/test_serve_rude.py
