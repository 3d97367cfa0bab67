"""Messages to values: what the requests of the local identities ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from chassis import page
from identity_ins import domain
from identity_ins.domain import (
    Attribute,
    CardRead,
    CollectionMethod,
    Creation,
    Criteria,
    IdentityId,
    Ins,
    Platform,
    Search,
    Sex,
    Sort,
    Traits,
    Window,
)
from identity_ins.domain.described import Described
from identity_ins.store.history import Past
from identity_ins.usecases import Correction
from socle.identity_ins.v1 import identity_ins_pb2 as pb

SEX: dict[int, Sex] = {pb.SEX_MALE: Sex.MALE, pb.SEX_FEMALE: Sex.FEMALE, pb.SEX_UNKNOWN: Sex.UNKNOWN}
METHOD: dict[int, CollectionMethod] = {
    pb.COLLECTION_METHOD_TYPED: CollectionMethod.TYPED,
    pb.COLLECTION_METHOD_CARTE_VITALE: CollectionMethod.CARTE_VITALE,
    pb.COLLECTION_METHOD_INSI: CollectionMethod.INSI,
    pb.COLLECTION_METHOD_BAR_CODE: CollectionMethod.BAR_CODE,
    pb.COLLECTION_METHOD_RFID: CollectionMethod.RFID,
    pb.COLLECTION_METHOD_APPLI_CARTE_VITALE: CollectionMethod.APPLI_CARTE_VITALE,
}
MARK: dict[int, Attribute] = {
    pb.IDENTITY_MARK_HOMONYME: Attribute.HOMONYME,
    pb.IDENTITY_MARK_DOUTEUSE: Attribute.DOUTEUSE,
    pb.IDENTITY_MARK_FICTIVE: Attribute.FICTIVE,
}
SORT: dict[int, Sort] = {
    pb.IDENTITY_SORT_UNSPECIFIED: Sort.ID,
    pb.IDENTITY_SORT_FAMILY: Sort.FAMILY,
    pb.IDENTITY_SORT_BIRTH_DATE: Sort.BIRTH_DATE,
    pb.IDENTITY_SORT_GIVEN: Sort.GIVEN,
    pb.IDENTITY_SORT_UPDATED: Sort.UPDATED,
}


def ins_of(message: pb.Ins, platform: Platform, field: str = "ins") -> Ins:
    """The number as sent; raises what `parse_ins` raises."""
    return domain.parse_ins(message.matricule, message.oid, platform, field)


def given_ins(request: Any, platform: Platform) -> Ins | None:
    """The number of a request that may carry one."""
    return ins_of(request.ins, platform) if request.HasField("ins") else None


def traits_of(message: pb.Traits) -> Traits:
    """The traits as sent; the contract has checked the shape of the date and that the sex is known."""
    born, precision = domain.parse_birth_date(message.birth_date)
    return Traits(
        message.birth_name,
        tuple(message.birth_first_names),
        SEX[message.sex],
        born,
        message.birth_place,
        message.used_name,
        message.used_first_name,
        message.birth_place_name,
        precision,
    )


def creation_of(request: pb.CreateIdentityRequest, platform: Platform) -> Creation:
    """The identity wanted; raises what its numbers, its paper or its date of birth are refused for."""
    billed = request.billing_number
    return Creation(
        traits_of(request.traits),
        request.ipp,
        request.ipp_authority,
        METHOD.get(request.collection_method, CollectionMethod.TYPED),
        domain.parse_billing_number(billed) if billed else None,
        given_ins(request, platform),
        domain.parse_paper(request.paper) if request.paper else None,
        date_of(request.paper_checked_on),
        request.fictitious,
    )


def correction_of(request: pb.CorrectTraitsRequest) -> Correction:
    """The traits wanted; raises TraitsWrong for a date that does not exist."""
    return Correction(traits_of(request.traits), request.reason, METHOD.get(request.collection_method))


def described_of(request: pb.CompareWithPersonRequest, platform: Platform) -> Described:
    """What a document says of its patient; raises what `parse_ins` raises."""
    return Described(
        ins=given_ins(request, platform),
        birth_name=request.birth_name,
        birth_first_names=tuple(request.birth_first_names),
        birth_date=request.birth_date,
        sex=SEX.get(request.sex),
        birth_place=request.birth_place,
    )


def criteria_of(request: pb.ListIdentitiesRequest, platform: Platform) -> Criteria:
    """The criteria of a list; raises what its number is refused for."""
    return Criteria(
        ins=given_ins(request, platform),
        ipp=request.ipp,
        family=request.family,
        given=request.given,
        birth_date=date_of(request.birth_date),
        sex=SEX.get(request.sex),
        id=IdentityId(request.identity_id) if request.identity_id else None,
        born_from=date_of(request.born_from),
        born_to=date_of(request.born_to),
    )


def window_of(request: pb.ListIdentitiesRequest, size: int, cursor: dict[str, Any]) -> Window:
    """The part of the list wanted."""
    after = str(cursor["after"]) if cursor else None
    return Window(size, after, SORT[request.sort], request.descending, request.with_merged)


def versions_of(request: pb.ListIdentityChangesRequest) -> tuple[int | None, int]:
    """The newest version wanted (None: the present one) and how many; raises UnknownPageToken."""
    size, cursor = page.after(request.page, last=_version)
    if request.version:
        return request.version, 1
    return cursor.get("last"), size


def versions_left(request: pb.ListIdentityChangesRequest, shown: Sequence[Past]) -> str:
    """The token of the changes before those shown, "" when there are none."""
    oldest = shown[-1].version if shown else 1
    return page.token(last=oldest - 1) if oldest > 1 and not request.version else ""


def search_of(request: pb.SearchInsRequest) -> Search:
    """The question as sent; raises SexNotInCivilStatus for a sex that INSi does not know."""
    return domain.check_search(
        Search(
            request.birth_name,
            request.first_name,
            SEX[request.sex],
            date.fromisoformat(request.birth_date),
            request.birth_place,
        )
    )


def card_of(request: pb.RetrieveInsRequest, now: datetime) -> CardRead | None:
    """The card that was read, if any; raises as `read_card` does."""
    return read_card(request.card, now) if request.HasField("card") else None


def read_card(card: pb.CarteVitale, now: datetime) -> CardRead:
    """The card that was read; raises BillingNumberWrong, or what `check_card` raises."""
    read = CardRead(
        domain.parse_billing_number(card.num_assure, "card.num_assure"),
        date.fromisoformat(card.date_naissance),
        card.rang_gemellaire,
        card.nom,
        card.prenom,
        card.read_at.ToDatetime(UTC),
    )
    return domain.check_card(read, now)


def date_of(text: str) -> date | None:
    """A date that the contract has checked, or none."""
    return date.fromisoformat(text) if text else None


def _version(part: Any) -> int:
    version = int(part)
    if version < 1:
        raise ValueError
    return version
