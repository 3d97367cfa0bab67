"""What the relations and folders of a lot point at: only what the depositor may know, or may replace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.caller import Caller, CallerKind
from dmp import policy
from dmp.domain import Document, Item, Link, LinkKind, PersonId, Status, errors
from dmp.store.deposits import Destination
from dmp.store.documents import Found

NOT_THERE = {
    LinkKind.REPLACES: errors.ReplacedDocumentNotThere,
    LinkKind.APPENDS: errors.RelatedDocumentNotThere,
}
RULE = {LinkKind.REPLACES: "XDSReplaceFailed", LinkKind.APPENDS: "XDSRegistryMetadataError"}


@dataclass(frozen=True, slots=True)
class Targets:
    """The documents of the record that a lot names, as this depositor stands to them."""

    caller: Caller
    person: PersonId
    destination: Destination

    def links(self, item: Item, field: str) -> tuple[Link, ...]:
        """The relations of a document, each with both identifiers; raises the fault of one."""
        links = [self._link(relation, field) for relation in item.entry.relations]
        return tuple({link.document_id: link for link in links}.values())

    def at(self, link: Link) -> Found:
        """The document that a link of `links` points at."""
        return next(f for f in self.destination.named if f.document.id.value == link.document_id)

    def member(self, unique_id: str, deposited: Sequence[Document], field: str) -> Document:
        """A document of the lot or of the record, to be put in a folder."""
        for document in deposited:
            if document.facts.unique_id == unique_id:
                return document
        found = self._named(Link(LinkKind.APPENDS, unique_id=unique_id))
        if found is None or not self._knows(found):
            raise errors.RelatedDocumentNotThere(field=field, rules=["XDSRegistryMetadataError"])
        return found.document

    def _link(self, relation: Link, field: str) -> Link:
        found, rules = self._named(relation), [RULE[relation.kind]]
        may = self.may_replace if relation.kind is LinkKind.REPLACES else self._knows
        if found is None or not may(found):
            raise NOT_THERE[relation.kind](field=field, rules=rules)
        document = found.document
        if relation.kind is LinkKind.REPLACES and document.status is not Status.CURRENT:
            raise errors.DocumentAlreadyReplaced(field=field, rules=rules)
        return Link(relation.kind, document.id.value, document.facts.unique_id)

    def _named(self, relation: Link) -> Found | None:
        for found in self.destination.named:
            if relation.names(found.document.id.value, found.document.facts.unique_id):
                return found
        return None

    def may_replace(self, found: Found) -> bool:
        """Signed or deposited by the caller, or deposited for the structure they work for.

        What a citizen deposited may have been hidden from them since: they replace what they see.
        """
        document = found.document
        own = document.is_by(self.caller.public_subject) or document.is_from(self.caller.organisation)
        return own and (self.caller.kind is not CallerKind.CITIZEN or self._reads(found))

    def _knows(self, found: Found) -> bool:
        """A deleted document is known to nobody any more."""
        if found.document.status is Status.DELETED:
            return False
        return self.may_replace(found) or self._reads(found)

    def _reads(self, found: Found) -> bool:
        reach = policy.reach(self.caller, self.person, self.destination.relation)
        return policy.may_read(found.document, reach, found.habilitated).permitted
