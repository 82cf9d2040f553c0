#!/bin/sh
# Fails when groff has anything to say of a manual page, or when the page is empty.
set -eu
complaints=$(groff -man -Tutf8 -ww -z "$1" 2>&1)
[ -z "$complaints" ] || { printf '%s\n' "$complaints"; exit 1; }
groff -man -Tutf8 -P-cbu "$1" | grep -q NAME
