#!/usr/bin/env bash
# Fails when one of the named files is larger than 20 MB (history keeps every version).
status=0
for file in "$@"; do
  if [ "$(stat -c %s "$file")" -gt 20000000 ]; then
    echo "$file is over 20 MB" >&2
    status=1
  fi
done
exit $status
