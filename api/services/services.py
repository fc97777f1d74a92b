"""All services of one home, made once per process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api.security.sessions import LedgerSessions
from api.services.backing import Backing
from api.services.catalogue import Catalogue
from api.services.charters import CharterService
from api.services.communities import Communities
from api.services.consents import Consents
from api.services.desk import Desk
from api.services.explorations import Explorations
from api.services.facts import MyFacts
from api.services.feed import FeedService
from api.services.imports import Imports
from api.services.interactions import Interactions
from api.services.looks import Looks
from api.services.my_data import MyData
from api.services.outreach import Outreach
from api.services.own_export import OwnExport
from api.services.publish import Publishing
from api.services.residents import Residents
from api.services.what_if import WhatIf
from graph.gate import Ledger
from graph.model import InstitutionId

__all__ = ["Services", "make_services"]


@dataclass(frozen=True, slots=True, eq=False)
class Services:
    """What doors find in ``app.extensions["linli"]``."""

    backing: Backing
    residents: Residents
    """What the resident pages need."""
    sessions: LedgerSessions
    feeds: FeedService
    interactions: Interactions
    catalogue: Catalogue
    publishing: Publishing
    consents: Consents
    looks: Looks
    my_data: MyData
    what_if: WhatIf
    facts: MyFacts
    export: OwnExport
    explorations: Explorations
    communities: Communities
    imports: Imports
    desk: Desk
    charters: CharterService
    outreach: Outreach

    @property
    def ledger(self) -> Ledger:
        """Keeps sessions and keys."""
        return self.backing.ledger

    @property
    def clock(self) -> Callable[[], datetime]:
        """Aware UTC."""
        return self.backing.clock

    @property
    def institution(self) -> InstitutionId:
        """Institution this home works for."""
        return self.backing.institution


def make_services(backing: Backing) -> Services:
    """Make all services."""
    feeds = FeedService(backing)
    interactions = Interactions(backing, feeds)
    imports = Imports(backing)
    communities = Communities(backing)
    consents, looks, my_data = Consents(backing), Looks(backing), MyData(backing)
    facts = MyFacts(backing, looks, my_data)
    return Services(
        backing=backing,
        residents=Residents(backing, feeds, interactions, communities),
        sessions=LedgerSessions(backing.ledger, backing.clock),
        feeds=feeds,
        interactions=interactions,
        catalogue=Catalogue(backing, feeds),
        publishing=Publishing(backing),
        consents=consents,
        looks=looks,
        my_data=my_data,
        facts=facts,
        export=OwnExport(backing, facts, consents, looks),
        what_if=WhatIf(backing, feeds),
        explorations=Explorations(backing),
        communities=communities,
        imports=imports,
        desk=Desk(backing, imports),
        charters=CharterService(backing),
        outreach=Outreach(backing),
    )
