#!/bin/sh
# install_once.sh FROM TO: what people change is there once, and stays as they have made it.
set -eu
to=${DESTDIR:-}$2
[ -e "$to" ] || install -D -m 0644 "$1" "$to"
