#!/bin/sh
# Prints the path of a Chromium for the browser tests: $LINLI_CHROMIUM, else one of the system, else (as root on a
# Debian) installs the system's package, else lets playwright install its own. What it does is told on standard error.
set -u
cd "$(dirname "$0")/.." || exit 1

say() { echo "$*" >&2; }

system_chromium() {
    for name in "${LINLI_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        [ -n "$name" ] && command -v "$name" && return 0
    done
    return 1
}

can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

apt_install() {
    say "==> Installing with apt-get: $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >&2 </dev/null && return 0
    DEBIAN_FRONTEND=noninteractive apt-get update -q >&2 </dev/null &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >&2 </dev/null
}

has_chinese_font() { command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list :lang=zh | head -n 1)" ]; }

if system_chromium >/dev/null; then
    if ! has_chinese_font && can_apt; then
        apt_install fontconfig fonts-noto-cjk || say "warning: no Chinese font; pages are tested with boxes for characters"
    fi
    system_chromium
    exit 0
fi

if can_apt && apt_install chromium fonts-noto-cjk && system_chromium; then
    exit 0
fi

if [ -x .venv/bin/playwright ]; then
    say "==> Installing playwright's Chromium"
    .venv/bin/playwright install chromium >&2 </dev/null
    path=$(.venv/bin/python -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    print(p.chromium.executable_path)')
    if [ -x "$path" ]; then
        echo "$path"
        exit 0
    fi
fi

say "error: no Chromium: install the package chromium (or google-chrome), or set LINLI_CHROMIUM=/path/to/chromium"
exit 1
