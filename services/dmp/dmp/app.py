"""Composition root of the DMP."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

import chassis
from chassis import ledger

from . import consumers, policy, store
from .api import DmpServicer
from .api.examination import Examiner
from .api.journal import JournalServicer
from .api.policy import PolicyServicer
from .api.records import RecordServicer
from .clients import Standing
from .clients.identities import Identities
from .clients.keys import RecordKeys
from .clients.scanner import Limits, Scanner
from .clients.settings import StorageSettings, blobs_of, provider_of
from .domain.content.sniffing import READERS
from .domain.records import LONGEST_DELAY, USUAL_DELAY
from .workers.announcements import Announcer
from .workers.retention import Retention
from .workers.sweep import Sweep


class Settings(StorageSettings):
    """Beside where keys and blobs are: the key that signs the heads of the journal, without a default too."""

    ledger_key_file: Path
    grpc_listen: str = "127.0.0.1:15052"
    # clamd, `host:port` or `unix:/path`; empty: contents are stored as not scanned.
    scanner_address: str = ""
    # No verdict, no deposit.
    scanner_required: bool = False
    scanner_timeout_seconds: float = Field(default=10.0, gt=0)
    # In bytes; the StreamMaxLength of clamd.
    scanner_stream_limit: int = Field(default=25 * 1024 * 1024, ge=1)
    # MASQUE_PS and INVISIBLE_PATIENT may stand together (EX_2.1-1050).
    masked_and_hidden: bool = False
    # `age-majorite`, in years.
    majority_age: int = Field(default=18, ge=1)
    # From the request of a destruction to the destruction: three months at most (R1111-36).
    destruction_delay_days: int = Field(default=USUAL_DELAY.days, ge=0, le=LONGEST_DELAY.days)

    @model_validator(mode="after")
    def scanner_known(self) -> Self:
        """A required scanner that nobody can ask would refuse every deposit."""
        if self.scanner_required and not self.scanner_address:
            raise ValueError("SOCLE_SCANNER_REQUIRED needs SOCLE_SCANNER_ADDRESS: say where clamd listens")
        return self


def examiner_of(base: chassis.Base[Settings]) -> Examiner:
    """What looks at every deposit: identity-ins for its patients, clamd for its bytes."""
    settings = base.settings
    limits = Limits(settings.scanner_timeout_seconds, settings.scanner_stream_limit)
    scanner = Scanner(settings.scanner_address, required=settings.scanner_required, limits=limits)
    return Examiner(scanner, Identities(base.channel("identity-ins"), base.own_call))


def parameters_of(settings: Settings) -> policy.Parameters:
    """What the platform decides where the texts leave a choice."""
    return policy.Parameters(settings.masked_and_hidden, settings.majority_age)


async def build(base: chassis.Base[Settings]) -> chassis.App:
    """Keys and blobs first: a service that cannot reach its master key says so at start, not at a deposit."""
    settings, parameters = base.settings, parameters_of(base.settings)
    standing = Standing(base.channel("identity-ins"), base.own_call).is_qualified
    keys, blobs = RecordKeys(provider_of(settings)), blobs_of(settings)
    signer = ledger.Signer.from_file(settings.ledger_key_file)
    scanner = "clamd" if settings.scanner_address else "none"
    delay = timedelta(days=settings.destruction_delay_days)
    return chassis.App(
        servicers=[
            DmpServicer(base.db, standing, keys, blobs, examiner_of(base), parameters),
            RecordServicer(base.db, keys, standing, signer, delay),
            PolicyServicer(base.db, keys, parameters, scanner, sorted(READERS)),
            JournalServicer(base.db, signer),
        ],
        consumers=consumers.TABLE,
        constraints=store.CONSTRAINTS,
        tasks=[
            ledger.Sequencer.of(settings, signer, base.name).run,
            Sweep(base.db, blobs, timedelta(seconds=settings.blob_grace_seconds)).run,
            Retention(base.db, keys, blobs).run,
            Announcer(base.db, parameters).run,
        ],
    )


if __name__ == "__main__":
    chassis.run("dmp", build, Settings)
