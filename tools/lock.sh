#!/bin/sh
# Remakes the three hash-pinned locks from pyproject.toml. Needs uv (in .venv, on PATH, or UV=path); nothing else in
# the project does. One resolution covers every system and every CPython from 3.11 on; the smaller locks are cut from
# the largest, so that a package has one version wherever it occurs. Arguments go to uv, e.g. --upgrade.
set -eu
cd "$(dirname "$0")/.."

UV=${UV:-uv}
if ! command -v "$UV" >/dev/null 2>&1; then
    echo "error: uv not found; install it (pip install uv) or say where: make lock UV=/path/to/uv" >&2
    exit 1
fi

compile() {
    output=$1
    shift
    "$UV" pip compile pyproject.toml --quiet --universal --python-version 3.11 --only-binary :all: \
        --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
        --output-file "$output" "$@"
    echo "$output: $(grep -c '^[a-z]' "$output") pins"
}

compile requirements-dev.lock --group dev --group build "$@"
compile requirements.lock --constraint requirements-dev.lock
"$UV" pip compile --quiet --universal --python-version 3.11 --only-binary :all: \
    --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
    --group build --constraint requirements-dev.lock --output-file requirements-build.lock
echo "requirements-build.lock: $(grep -c '^[a-z]' requirements-build.lock) pins"
