"""What the servicers need: one desk, laid by `app.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Protocol

from chassis.call import Call
from chassis.db import Database
from eprescription.domain.rules.calendar import paris_day

if TYPE_CHECKING:
    from eprescription.clients.identities import Identities
    from eprescription.clients.platform_keys import PlatformKeys
    from eprescription.clients.signing import KeyService
    from eprescription.domain.rules.parameters import Law, Parameters
    from eprescription.domain.secrets import Secrets

# A pharmacy that died in the middle of a visit keeps a patient from the next one no longer than this.
HOLD = timedelta(minutes=30)


class Book(Protocol):
    """`workers.law.LawBook`: the dated parameters of the law, as last read from their rows."""

    @property
    def law(self) -> Law: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """`signing` is None where no key service runs: every signature then comes with its request."""

    db: Database
    law: Book
    secrets: Secrets
    signing: KeyService | None
    platform: PlatformKeys
    identities: Identities
    claim_ttl: timedelta = HOLD

    def today(self, call: Call) -> date:
        """The day of the call in Europe/Paris, which is the law's."""
        return paris_day(call.now())

    def parameters(self, call: Call) -> Parameters:
        """The law of today."""
        return self.law.law.on(self.today(call))
