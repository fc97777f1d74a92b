"""Composition root: settings become opened floors, a model and a clock."""

from __future__ import annotations

import logging
import os
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from api.services.backing import Networked, Trial
from graph.background import Background
from graph.errors import ConfigError, NotReady
from graph.folders import current_name, read_about
from graph.gate import Gate, ImpressionBuffer, Ledger
from graph.home import Home
from graph.live import Fitted, Live
from graph.model import InstitutionId
from graph.urls import masked
from graph.vocabulary import interests, offers
from jobs.site import Site, SiteConfig, open_site, utc_now
from recommender.artifact import load_model
from recommender.network import load_changes, load_network
from recommender.pipeline import Recommender
from recommender.ranking.weights import Weights

__all__ = [
    "Config",
    "Floors",
    "ModelCache",
    "NetworkCache",
    "Setting",
    "configure_logging",
    "load_config",
    "open_floors",
    "settings",
]


class Config(BaseModel):
    """Every setting; ``linli doctor`` shows where each value comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Field(Path("linli-home"), description="folder that holds all state")
    graph: str = Field("", description="graph store URL; empty = LadybugDB inside the home")
    ledger: str = Field("", description="ledger URL; empty = SQLite inside the home")
    institution: str = Field(
        "operator", description="institution whose grants this home works under"
    )
    host: str = Field("127.0.0.1", description="address to serve on")
    port: int = Field(8000, ge=1, le=65535, description="port to serve on")
    workers: int = Field(2, ge=1, le=64, description="web processes")
    threads: int = Field(4, ge=1, le=64, description="threads per web process")
    seed: int = Field(2026, ge=0, description="seed of training")
    holdout: float = Field(
        0.05, ge=0.0, le=1.0, description="share of residents whose feed is not personal"
    )
    explore: float = Field(
        0.1, ge=0.0, lt=0.5, description="probability that a feed's last place goes by lot; 0 = off"
    )
    weights: str = Field(
        "", description='weights of re-ranking that differ from the defaults, "helper=0.3 kind=0"'
    )
    log_json: bool = Field(False, description="logs as JSON lines instead of text")

    @field_validator("weights")
    @classmethod
    def _known_weights(cls, value: str) -> str:
        Weights.parse(value)
        return value

    def site(self) -> SiteConfig:
        """Pick out the part that jobs need."""
        home = Home(self.home.resolve())
        return SiteConfig(
            root=str(home.root),
            graph_url=self.graph or home.graph_url,
            ledger_url=self.ledger or home.ledger_url,
            institution=self.institution,
            seed=self.seed,
            weights=self.weights,
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as ``linli doctor`` shows it."""

    name: str
    value: str
    source: str
    description: str


def _layers(flags: Mapping[str, object]) -> Iterator[tuple[str, str, object]]:
    """Yield (setting, where it was said, value), the strongest saying last."""
    given = {name: value for name, value in flags.items() if value is not None}
    home = given.get("home", os.environ.get("LINLI_HOME", Config.model_fields["home"].default))
    toml = Home(Path(str(home))).settings
    if toml.exists():
        try:
            said = tomllib.loads(toml.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{toml}: {error}") from error
        yield from ((name, str(toml), value) for name, value in said.items())
    for name in Config.model_fields:
        variable = f"LINLI_{name.upper()}"
        if variable in os.environ:
            yield name, variable, os.environ[variable]
    yield from ((name, f"--{name.replace('_', '-')}", value) for name, value in given.items())


def load_config(**flags: object) -> Config:
    """Read the settings: flags over environment over ``<home>/linli.toml`` over defaults.

    Raises
    ------
    ConfigError
        A value is unknown or out of range; names the setting and where it was said.
    """
    said = {name: (where, value) for name, where, value in _layers(flags)}
    try:
        return Config.model_validate({name: value for name, (_, value) in said.items()})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise ConfigError(f"setting {name!r} (from {said[name][0]}): {first['msg']}") from error


def settings(flags: Mapping[str, object]) -> list[Setting]:
    """List every setting with the source of its value; passwords in URLs are masked."""
    sources = {name: where for name, where, _ in _layers(flags)}
    config = load_config(**flags)
    return [
        Setting(
            name,
            masked(str(getattr(config, name))),
            sources.get(name, "default"),
            field.description or "",
        )
        for name, field in Config.model_fields.items()
    ]


class ModelCache:
    """The current model, opened once and again whenever a newer one was published.

    Parameters
    ----------
    models : Path
        The home's ``models`` folder.
    in_background : bool
        Open a newer one beside the requests, which get the older one until it is there.
    """

    def __init__(self, models: Path, *, in_background: bool = False) -> None:
        self._models = models
        self._in_background = in_background
        self._lock = threading.Lock()
        self._served: tuple[str, Recommender] | None = None
        self._next: Background[tuple[str, Recommender]] = Background()

    def fitted(self) -> Fitted | None:
        """Up to where the model served knows grants; ``None`` before the first."""
        served = self._served if self._in_background else None
        name = current_name(self._models) if served is None else served[0]
        if name is None:
            return None
        try:  # read anew each time: fitted again to the same model, its epoch moves on
            about = read_about(self._models, name)
        except NotReady:  # cleaned away while it is served: anything may have changed since
            return Fitted(0, 0)
        return Fitted(int(str(about["epoch"])), int(str(about.get("fitted_at", 0))))

    def current(self) -> Recommender:
        """Return the recommender made from the newest model.

        Raises
        ------
        NotReady
            Nothing was trained yet.
        """
        name = current_name(self._models)
        if name is None:
            raise NotReady("there is no model yet; run `linli train`")
        with self._lock:
            if self._served is None or (name != self._served[0] and not self._in_background):
                self._served = self._open(name)
            elif name != self._served[0]:
                self._served = self._next.ask(lambda: self._open(name)) or self._served
            return self._served[1]

    def _open(self, name: str) -> tuple[str, Recommender]:
        model = load_model(self._models, name)
        words = {"interest": interests().codes, "offer": offers().codes}
        return name, Recommender(model, words=words)


class NetworkCache:
    """The current people network, opened once and again whenever a newer one was published.

    Parameters
    ----------
    networks : Path
        The home's ``networks`` folder.
    """

    def __init__(self, networks: Path) -> None:
        self._networks = networks
        self._lock = threading.Lock()
        self._served: tuple[tuple[str, int, int], Networked] | None = None

    def current(self) -> Networked:
        """Return the newest network.

        Raises
        ------
        NotReady
            None was found yet.
        """
        name = current_name(self._networks)
        if name is None:
            raise NotReady("there are no communities yet; run `linli communities --refresh`")
        about = read_about(self._networks, name)  # found again the same, ids and epoch move on
        epoch, made_at = int(str(about["epoch"])), int(str(about["made_at"]))
        stands = (name, epoch, made_at)
        with self._lock:
            if self._served is None or self._served[0] != stands:
                network = load_network(self._networks, name)
                changes = load_changes(self._networks, name)
                self._served = stands, Networked(network, changes, epoch, made_at)
            return self._served[1]


@dataclass(frozen=True, slots=True)
class Floors:
    """Everything a door needs, opened."""

    config: Config
    home: Home
    site: Site
    ledger: Ledger
    gate: Gate
    live: Live
    models: ModelCache
    networks: NetworkCache
    trial: Trial
    clock: Callable[[], datetime]

    @property
    def institution(self) -> InstitutionId:
        """The institution this home works for."""
        return InstitutionId(self.config.institution)


@contextmanager
def open_floors(
    config: Config, *, clock: Callable[[], datetime] = utc_now, in_background: bool = False
) -> Iterator[Floors]:
    """Open ledger, live overlay and model of a home.

    Parameters
    ----------
    config : Config
    clock : callable, optional
    in_background : bool
        For a process that answers requests: newer snapshots and models are opened beside them.

    Raises
    ------
    ConfigError
        There is no home in this folder.
    """
    home = Home(config.home.resolve())
    if not home.exists():
        raise ConfigError(f"{home.root} is no Linli home; run `linli init` (or `linli demo`) first")
    with ExitStack() as stack:
        site = stack.enter_context(open_site(config.site(), clock=clock))
        models = ModelCache(home.models, in_background=in_background)
        impressions = stack.enter_context(closing(ImpressionBuffer(site.ledger, site.institution)))
        yield Floors(
            config=config,
            home=home,
            site=site,
            ledger=site.ledger,
            gate=site.gate,
            live=Live(
                site.ledger,
                home.snapshots,
                institution=site.institution,
                clock=clock,
                fitted=models.fitted,
                in_background=in_background,
            ),
            models=models,
            networks=NetworkCache(home.networks),
            trial=Trial(config.holdout, config.explore, impressions),
            clock=clock,
        )


def configure_logging(*, json: bool) -> None:
    """Send every log line to standard error, as text for people or JSON for machines."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if json:
        shared.append(structlog.processors.format_exc_info)
    last: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # never the kind that prints local variables: they hold what residents did
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # warns each second of a long job
