"""What every page is held to: axe, size of targets and text, width; and a server for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Page
from werkzeug.serving import make_server

__all__ = [
    "AXES_OWN",
    "LOOKS",
    "SMALL_TARGETS",
    "SMALL_TEXT",
    "TOO_WIDE",
    "axe",
    "serving",
    "watch",
]

AXE = (Path(__file__).parent / "vendor/axe-core@4.14.1/axe.min.js").read_text(encoding="utf-8")
AXE_RUN = """async () => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
  const found = await axe.run(document, {preload: false, runOnly: {type: 'tag', values: tags}});
  const unsure = found.incomplete.filter(v => v.id === 'color-contrast');
  return [...found.violations, ...unsure].map(
    v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | '));
}"""
"""Violations, and contrasts that could not be measured."""
AXES_OWN = "Applying inline style"
"""axe-core tries inline styles while it measures, which the policy of the pages refuses."""
SMALL_TARGETS = """(least) => [...document.querySelectorAll('a, button, summary, select')]
  .filter(e => !e.matches('.skip') && e.getClientRects().length)
  .map(e => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
  .filter(([_, box]) => Math.min(box.width, box.height) < least - 0.01)
  .map(([html, box]) => `${html} ${box.width}x${box.height}`)"""
SMALL_TEXT = """(least) => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walk.nextNode()) {
    const box = walk.currentNode.parentElement;
    if (walk.currentNode.data.trim() && box.getClientRects().length
        && parseFloat(getComputedStyle(box).fontSize) < least)
      found.push(walk.currentNode.data.trim());
  }
  return found;
}"""
TOO_WIDE = "document.documentElement.scrollWidth > window.innerWidth"

LOOKS = [
    f"{language}.{mode}.{theme}"
    for language, mode, theme in product(("zh-CN", "en"), ("standard", "care"), ("light", "dark"))
]


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve an application on a port of its own; gives its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def watch(page: Page, address: str, complaints: list[str]) -> None:
    """Note errors on the console and requests to other hosts."""
    host = urlsplit(address).netloc

    def check(url: str) -> None:
        if urlsplit(url).netloc not in {host, ""}:
            complaints.append(f"request to {url}")

    page.on("request", lambda request: check(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None,
    )


def axe(page: Page) -> list[str]:
    """Return the violations that axe-core finds on a page as it stands."""
    page.evaluate(AXE)
    return page.evaluate(AXE_RUN)
