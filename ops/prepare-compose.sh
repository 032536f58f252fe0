#!/bin/sh
# Writes config.env from config.example.env in the working directory, with new secrets, for its
# owner alone. One that exists is kept.
set -euC
umask 077

if [ -e config.env ]; then
  echo "config.env is there already, and kept" >&2
  exit 0
fi

content=$(while IFS= read -r line; do
  case $line in
    '#'*) ;;
    *=) line=$line$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n') ;;
  esac
  printf '%s\n' "$line"
done < config.example.env)
printf '%s\n' "$content" > config.env
echo "wrote config.env with new secrets" >&2
