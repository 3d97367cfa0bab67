"""Medicines, hits, reports and allergies as messages of the contract."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from eprescription.domain.actives import actives
from eprescription.domain.allergies import Allergy
from eprescription.domain.products import Component, Medicine, Pack
from eprescription.store.imports import Import
from eprescription.usecases.medicines import Hit
from socle.eprescription.v1 import eprescription_pb2 as erx
from socle.eprescription.v1 import medicines_pb2 as pb

# Rules that hold back who prescribes or delivers, in the order a reader wants them; without their values.
RESTRICTIONS = (
    "narcotic",
    "hospital_use",
    "pharmacy_hospital_only",
    "professional_use",
    "emergency_only",
    "military",
    "hospital_prescription",
    "hospital_initial",
    "specialist_initial",
    "specialist",
    "restricted_prescription",
    "secure",
    "in_words",
    "list_1",
    "list_2",
    "max_days",
    "fraction_days",
    "overlap_forbidden",
    "pregnancy_programme",
    "consent_form",
    "attestation",
    "annual_attestation",
    "surveillance",
)


def hit(of: Hit) -> pb.MedicineHit:
    medicine = of.medicine
    return pb.MedicineHit(
        cis=medicine.cis,
        label=medicine.label,
        form=medicine.form,
        substances=_substances(actives(medicine.components)),
        marketed=medicine.marketed,
        score=of.score,
        cip13=[pack.cip13 for pack in _best_first(medicine.packs)],
        restrictions=restrictions(medicine),
        availability=medicine.availability,
    )


def medicine(of: Medicine, source: str, imported_at: datetime | None) -> pb.Medicine:
    return pb.Medicine(
        cis=of.cis,
        label=of.label,
        form=of.form,
        routes=of.routes,
        status=of.status,
        marketed=of.marketed,
        holder=of.holder,
        reinforced_surveillance=of.reinforced_surveillance,
        substances=_substances(actives(of.components)),
        presentations=[_presentation(pack, of) for pack in _best_first(of.packs)],
        conditions=[
            pb.Condition(text=one.text, rules=one.rules, understood=one.understood) for one in of.conditions
        ],
        generics=[
            pb.Generic(group_id=one.group_id, group_label=one.group_label, type=one.type)
            for one in of.generics
        ],
        atc=of.atc,
        restrictions=restrictions(of),
        imported_at=moment(imported_at) if imported_at else None,
        source=source,
    )


def restrictions(of: Medicine) -> list[str]:
    named = {rule.partition(":")[0] for rule in of.rules}
    return [name for name in RESTRICTIONS if name in named]


def report(of: Import) -> pb.ImportReport:
    return pb.ImportReport(
        import_id=of.id,
        source=of.source,
        finished_at=moment(of.finished_at),
        files=[
            pb.FileReport(file=one.file, taken=one.taken, rejected=one.rejected, problems=one.problems)
            for one in of.files
        ],
    )


def allergy(of: Allergy) -> pb.Allergy:
    return pb.Allergy(
        allergy_id=of.id.value,
        person_id=of.person.value,
        substance=erx.Substance(code=of.substance.code, name=of.substance.name),
        note=of.note,
        recorded_at=moment(of.recorded_at),
        recorded_by=of.recorded_by,
    )


def moment(of: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(of)
    return made


def _presentation(pack: Pack, of: Medicine) -> pb.Presentation:
    return pb.Presentation(
        cip13=pack.cip13,
        label=pack.label,
        marketed=pack.marketed,
        units=f"{pack.units:f}" if pack.units is not None else "",
        unit_label=pack.unit_label,
        price=f"{Decimal(pack.price_cents) / 100:.2f}" if pack.price_cents is not None else "",
        reimbursement_percent=pack.reimbursement_percent or 0,
        availability=pack.availability or of.availability,
    )


def _best_first(packs: Iterable[Pack]) -> list[Pack]:
    """What can be had, then what is refunded, then the cheapest."""
    return sorted(
        packs,
        key=lambda pack: (
            not pack.marketed,
            bool(pack.availability),
            -(pack.reimbursement_percent or 0),
            pack.price_cents is None,
            pack.price_cents or 0,
            pack.cip13,
        ),
    )


def _substances(components: Iterable[Component]) -> list[erx.Substance]:
    return [erx.Substance(code=one.code, name=one.name, strength=one.strength) for one in components]
