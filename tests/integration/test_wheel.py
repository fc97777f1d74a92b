"""The built wheel works in a bare environment, away from the checkout, on the newest CPython."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEWEST_FIRST = ("python3.13", "python3.12", "python3.11")


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program with nothing of this environment, and return what it prints."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONSAFEPATH": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def newest_python() -> str:
    """Return the newest CPython that the classifiers name, runs, and can make an environment."""
    for name in NEWEST_FIRST:
        path = shutil.which(name)
        if path is None:
            continue
        tried = subprocess.run(
            [path, "-c", "import ensurepip, venv"], capture_output=True, check=False
        )
        if tried.returncode == 0:
            return path
    return sys.executable


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    run(*pip, "--wheel-dir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("linli-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bin folder of a bare environment that holds the core lock and the wheel."""
    folder = tmp_path_factory.mktemp("bare")
    run(newest_python(), "-m", "venv", folder / "venv", cwd=folder)
    scripts = folder / "venv" / "bin"
    pip = (scripts / "python", "-m", "pip", "install", "--quiet", "--no-deps")
    locked = ("--only-binary", ":all:", "--require-hashes", "-r", ROOT / "requirements.lock")
    run(*pip, *locked, cwd=folder)
    run(*pip, wheel, cwd=folder)
    return scripts


def test_wheel_holds_the_four_packages_only(installed: Path, tmp_path: Path):
    code = (
        "from importlib.metadata import packages_distributions as found\n"
        "print([found()[name] for name in ('graph', 'recommender', 'jobs', 'api')])"
    )
    assert run(installed / "python", "-c", code, cwd=tmp_path).strip() == str([["linli"]] * 4)


def test_requirements_agree_with_the_lock(installed: Path, tmp_path: Path):
    assert "No broken requirements" in run(installed / "python", "-m", "pip", "check", cwd=tmp_path)


def test_wheel_carries_every_file_of_the_packages(installed: Path, tmp_path: Path):
    listed = subprocess.run(
        ["git", "ls-files", "-z", "graph", "recommender", "jobs", "api"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = Path(run(installed / "python", "-c", code, cwd=tmp_path).strip())
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert [name for name in names if not (site / name).is_file()] == []


def test_command_runs_outside_the_checkout(installed: Path, tmp_path: Path):
    assert run(installed / "linli", "--version", cwd=tmp_path).strip() == "linli 0.1.0"
    assert "Usage" in run(installed / "linli", "--help", cwd=tmp_path)


def test_wheel_serves_a_feed_outside_the_checkout(installed: Path, tmp_path: Path):
    demo = ("demo", "--no-serve", "--residents", "120", "--grids", "2")
    port = free_port()
    said = run(
        installed / "linli", *demo, "--home", tmp_path / "home", "--port", str(port), cwd=tmp_path
    )
    links = re.findall(r"http://\S+/sign-in/\S+", said)
    assert len(links) == 5  # three residents, the clerk and a social worker
    server = subprocess.Popen(
        [installed / "linli", "serve", "--home", tmp_path / "home", "--port", str(port)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        wait_until_ready(f"{base}/health/ready")
        page = feed_page(base, links[0])
    finally:
        server.terminate()
        assert server.wait(30) == 0
    assert page.count('<article class="card') >= 5
    assert "为什么" in page


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(address: str) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"{address} did not become ready")


def feed_page(base: str, link: str) -> str:
    """Sign in as a person does: open the link, press its button, read the feed."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    browser.addheaders = [("Accept-Language", "zh-CN"), ("Origin", base)]
    with browser.open(link) as page:
        assert page.status == 200
    with browser.open(urllib.request.Request(link, data=b"", method="POST")) as page:
        assert page.url == f"{base}/"
        return page.read().decode()
