#!/bin/sh
# Has Compose ($1) read compose.yaml with the settings that `make prepare-compose` would write.
set -eu

compose=$(realpath "$1")
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp compose.yaml config.example.env "$copy"
prepare=$(realpath ops/prepare-compose.sh)
cd "$copy"
"$prepare" 2>/dev/null
"$compose" --env-file config.env config --quiet
