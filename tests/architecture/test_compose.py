"""compose.yaml names commands, settings and addresses that there are, and no password."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.cli.serving import serve_forever
from api.wiring import Config
from graph.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def settings_of(service: str) -> dict[str, str]:
    """The settings in the example of a service's secrets."""
    found = {}
    for name in SERVICES[service]["env_file"]:
        text = (ROOT / f"{name}.example").read_text(encoding="utf-8")
        found |= dict(re.findall(r"^(\w+)=(.*)$", text, re.M))
    return found


def test_its_services_are_the_production_pair_with_web_and_jobs():
    assert set(SERVICES) == {"app", "jobs", "neo4j", "postgres"}
    assert SERVICES["neo4j"]["image"] == "neo4j:5.26-community"
    for service in SERVICES.values():
        for volume in service["volumes"]:
            assert volume.split(":")[0] in COMPOSE["volumes"]


@pytest.mark.parametrize("service", ["app", "jobs"])
def test_commands_exist_in_the_command_tree(service: str):
    known = runpy.run_path(str(ROOT / "tools" / "commands.py"))["commands"]()
    words = [word for word in SERVICES[service]["command"] if word.isalpha()]
    assert " ".join(words) in known


def test_the_options_of_the_web_exist():
    source = (ROOT / "api" / "cli" / "serving.py").read_text(encoding="utf-8")
    options = {word for word in SERVICES["app"]["command"] if word.startswith("--")}
    assert options == {"--no-jobs", "--host"}
    assert [option for option in options if option[2:].replace("-", "_") not in source] == []


def test_the_web_may_serve_where_its_container_is_asked(monkeypatch: pytest.MonkeyPatch):
    served = []
    monkeypatch.setattr("api.server.run", lambda config, **_: served.append(config.host))
    command, given = SERVICES["app"]["command"], SERVICES["app"].get("environment", {})
    config = Config(host=command[command.index("--host") + 1])
    monkeypatch.delenv("LINLI_BEHIND_TLS", raising=False)
    with pytest.raises(ConfigError, match="LINLI_BEHIND_TLS"):
        serve_forever(config, jobs=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    serve_forever(config, jobs=False)
    assert served == ["0.0.0.0"]  # noqa: S104 - of the container


def test_every_setting_of_linli_is_one():
    for service in ("app", "jobs"):
        names = [name for name in settings_of(service) if name.startswith("LINLI_")]
        assert {"LINLI_GRAPH", "LINLI_LEDGER", "LINLI_HOME"} <= set(names)
        assert {name.removeprefix("LINLI_").lower() for name in names} <= set(Config.model_fields)


def test_urls_lead_to_the_services_beside():
    for name in ("LINLI_GRAPH", "LINLI_LEDGER"):
        host = re.fullmatch(r"\w+://\w+:PASSWORD@(\w+):\d+.*", settings_of("app")[name])
        assert host is not None
        assert host[1] in SERVICES


def test_no_password_is_set_and_only_the_web_is_open_on_loopback():
    assert settings_of("neo4j") == {"NEO4J_AUTH": "neo4j/"}
    assert settings_of("postgres")["POSTGRES_PASSWORD"] == ""
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"app"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["app"]["ports"])
