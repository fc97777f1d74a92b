#!/bin/sh
# Prints the path of the first CPython >= 3.11 that can make an environment. Candidates: the arguments, else
# python3.11 to python3.14, then python3. Exit 2: none at all; exit 3: one was found, without its venv module.
set -u
[ $# -gt 0 ] || set -- python3.11 python3.12 python3.13 python3.14 python3

found=
for candidate in "$@"; do
    path=$("$candidate" -c '
import sys
if sys.implementation.name != "cpython" or sys.version_info < (3, 11):
    sys.exit(1)
print(sys.executable)' 2>/dev/null) || continue
    if "$path" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$path"
        exit 0
    fi
    found=${found:-$path}
done

if [ -n "$found" ]; then
    version=$("$found" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "error: $found has no venv module; on Debian or Ubuntu: apt-get install python$version-venv" >&2
    exit 3
fi
echo "error: no CPython >= 3.11 among: $*; install one, or name it: make PYTHON=/path/to/python3" >&2
exit 2
