"""Identities that live in a database, for what is written about them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from chassis.caller import Caller
from chassis.consume import Handler
from chassis.db import Database, Tx
from chassis.testing import NOW, call_as, callers
from identity_ins import consumers, domain, seed, store, usecases
from identity_ins.domain import (
    Answer,
    AnswerCode,
    Change,
    Creation,
    Identity,
    IdentityId,
    Ins,
    Paper,
    Step,
    Traits,
)
from identity_ins.domain.vigilance import MergeId
from identity_ins.usecases import common, merges

PATIENT = seed.person(1)
FOUND = Answer(AnswerCode.FOUND, PATIENT)
# A number of nobody, with its key.
BODY = "2790351215190"
OTHER_INS = Ins(BODY + domain.key_of(BODY), PATIENT.ins.oid)


@dataclass(frozen=True)
class Structure:
    """What a member of a structure does, each in a transaction of its own."""

    database: Database
    caller: Caller = callers.doctor

    async def _done(self, step: Callable[[Tx], Awaitable[Any]]) -> Any:
        async with self.database.begin(call_as(self.caller)) as tx:
            return await step(tx)

    async def creates(self, traits: Traits = PATIENT.traits) -> Identity:
        wanted = Creation(traits)
        made, _ = await self._done(
            lambda tx: usecases.create_identity(tx, self.caller, IdentityId.new(), wanted, now=NOW)
        )
        identity: Identity = made
        return identity

    async def retrieves(self, id: IdentityId) -> Identity:
        async def asked(tx: Tx) -> Identity:
            question = await usecases.ask_insi(tx, self.caller, id, now=NOW)
            return await usecases.retrieve_ins(tx, self.caller, id, question, FOUND, now=NOW)

        retrieved: Identity = await self._done(asked)
        return retrieved

    async def checks_paper(self, id: IdentityId) -> Identity:
        checked: Identity = await self._done(
            lambda tx: usecases.check_identity_paper(tx, self.caller, id, Paper.PASSPORT, now=NOW)
        )
        return checked

    async def qualifies(self, traits: Traits = PATIENT.traits) -> Identity:
        identity = await self.creates(traits)
        await self.retrieves(identity.id)
        return await self.checks_paper(identity.id)

    async def doubts(self, id: IdentityId) -> Identity:
        doubted: Identity = await self._done(
            lambda tx: usecases.mark_identity(tx, self.caller, id, Step.MARK_DOUBTFUL, "the photo", now=NOW)
        )
        return doubted

    async def renames(self, id: IdentityId, used_name: str) -> Identity:
        async def renamed(tx: Tx) -> Identity:
            identity = await store.get_identity(tx, id)
            traits = replace(identity.traits, used_name=used_name)
            wanted = usecases.Correction(traits, "as the patient asks")
            return await usecases.correct_traits(tx, self.caller, id, wanted, now=NOW)

        identity: Identity = await self._done(renamed)
        return identity

    async def is_told_of(self, id: IdentityId, ins: Ins) -> Identity:
        """The number of the person is another one by now."""

        async def replaced(tx: Tx) -> Identity:
            before = await store.lock_identity(tx, id)
            assert before.retrieval is not None
            retrieval = replace(before.retrieval, ins=ins)
            after = replace(before, retrieval=retrieval, version=before.version + 1)
            await common.save(tx, self.caller, Change(Step.REPLACE_INS, before, after), NOW)
            return after

        identity: Identity = await self._done(replaced)
        return identity

    async def merges(self, kept: IdentityId, absorbed: IdentityId) -> MergeId:
        wanted = merges.Wish(kept, absorbed, "one and the same")
        done = await self._done(lambda tx: merges.merge_identities(tx, self.caller, wanted, now=NOW))
        merge: MergeId = done.merge.id
        return merge

    async def unmerges(self, merge: MergeId) -> None:
        await self._done(
            lambda tx: merges.unmerge_identities(tx, self.caller, merge, "they are two after all", now=NOW)
        )


SUBJECTS = [line.subject for line in consumers.TABLE]
EVENTS = "SELECT id, subject, data FROM outbox WHERE subject = ANY($1) AND aggregate LIKE $2 ORDER BY seq"


async def events_of(database: Database, identity: Identity | None = None) -> list[bytes]:
    """The events that the consumer hears (of one identity), as the bus brings them, in order."""
    aggregate = f"identity/{identity.id.value}" if identity else "%"
    rows = await database.pool.fetch(EVENTS, SUBJECTS, aggregate)
    return [
        orjson.dumps({"id": str(row["id"]), "type": row["subject"], "data": orjson.loads(row["data"])})
        for row in rows
    ]


async def write_messages(database: Database) -> None:
    """Tells of every event so far, without a bus."""
    handler = Handler(consumers.DURABLE, consumers.TABLE, database, owner="identity-ins")
    for event in await events_of(database):
        await handler.handle(event)
