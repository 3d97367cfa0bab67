"""A signed prescription that says nearly everything, its patient, and what Hypothesis makes of one."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st

from chassis.testing import callers
from eprescription.domain import body
from eprescription.domain.cda import codes
from eprescription.domain.cda.patient import Patient
from eprescription.domain.cda.write_prescription import Copy
from eprescription.domain.content import (
    Content,
    CountUnit,
    Dose,
    Ingredient,
    Kind,
    Line,
    LineKind,
    NonSubstitution,
    Posology,
    Prescriber,
    Product,
    Quantity,
    Signed,
    Substance,
)
from eprescription.domain.ids import PersonId, PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State

SIGNED_AT = datetime(2026, 6, 12, 8, 30, tzinfo=UTC)
WRITTEN_ON = date(2026, 6, 12)
NUMBER = "01S2TBPZ2JCNZZYGHZ"
TEST_OID = "1.2.250.1.213.1.4.10"
PATIENT = Patient(
    birth_name="PAT-TROIS",
    first_names=("DOMINIQUE", "MARIE-LOUISE"),
    sex="F",
    birth_date="1979-03-28",
    birth_place="51215",
    ins="279035121518989",
    ins_oid=TEST_OID,
)
PRESCRIBER = Prescriber(
    id=callers.doctor.subject,
    name=callers.doctor.name,
    profession="10",
    know_how=("SM26",),
    organisation=callers.doctor.organisation,
    sector="SA07",
)
COPY = Copy(pdf=b"%PDF-1.4 copy", qr=b"\x89PNG image")


def line(**changes: Any) -> Line:
    """A plain line; `changes` replaces any part of it."""
    usual = Line(
        line_id=str(uuid4()),
        product=Product(cis="60000001", label="PARACETAMOL SOCLE 500 mg, comprimé"),
        posology=Posology(text="1 comprimé 3 fois par jour"),
        quantity=Quantity(Decimal(2), CountUnit.BOX),
    )
    return replace(usual, **changes)


TAPERED = line(
    product=Product(
        cis="60000002",
        cip13="3400930000007",
        mv="MV00000001",
        label="PREDNISOLONE SOCLE 20 mg, comprimé effervescent",
        dci="Prednisolone 20 mg comprimé effervescent",
        substances=(Substance("01234", "PREDNISOLONE", "20 mg"), Substance("", "SEL", "q.s.")),
        atc="H02AB06",
        form_code="10222000",
    ),
    posology=Posology(
        doses=(
            Dose(
                1, Decimal(2), Decimal(3), "{tablet}", "comprimé", 1, Decimal(1), "d", ("MORN", "PC"), (), 3
            ),
            Dose(1, Decimal(1), None, "{tablet}", "comprimé", 1, Decimal(1), "d", ("EVE",), (), 3),
            Dose(2, Decimal("0.5"), None, "{tablet}", "comprimé", 2, Decimal(3), "d", (), ("mon", "thu"), 6),
        ),
        as_needed=True,
        condition="poussée",
        max_per_day=Decimal(4),
        route_code="20053000",
        route_label="Voie orale",
    ),
    starts_on=date(2026, 6, 13),
    duration_days=9,
    quantity=Quantity(Decimal(30), CountUnit.DOSE, "comprimé", "trente comprimés"),
    renewals=2,
    early_renewal_allowed=True,
    ald=True,
    off_label=True,
    non_substitution=NonSubstitution.CIF,
    non_substitution_text="intolérance au lactose connue",
    exception_indication="maladie de Horton",
    mentions=("traitement inférieur à un an", "numération vue"),
    patient_note="Le matin au petit déjeuner.\nNe pas arrêter d'un coup.",
    dispenser_note="Prévenir en cas de rupture",
    precondition="après le bilan",
)
PREPARATION = line(
    kind=LineKind.PREPARATION,
    product=Product(label="Cérat cortisoné", form_code="50015000"),
    ingredients=(Ingredient("diprosone", "30 g"), Ingredient("cérat de Galien", "q.s.p. 100 g")),
    posology=Posology(text="2 applications par jour", route_label="Voie cutanée"),
    quantity=Quantity(Decimal(1), CountUnit.BOX, "Tube"),
    duration_days=10,
    non_reimbursable=True,
)
BED = line(
    kind=LineKind.DEVICE,
    product=Product(label="Lit médical", emdn="V0806", lpp="1215702"),
    posology=Posology(),
    quantity=Quantity(Decimal(1), CountUnit.BOX),
    starts_on=date(2026, 6, 12),
    duration_days=60,
    rental_days=60,
    work_accident=True,
)
WHOLE = Content(
    lines=(TAPERED, PREPARATION, BED),
    bizone=True,
    exception_medicines=True,
    urgent=True,
    at_home=True,
    replaced_prescriber="810100000029",
    named_pharmacy="1750000042",
    planned_discharge_on=date(2026, 6, 20),
    weight_grams=55_250,
    height_millimetres=1_705,
    pregnant=True,
    initial_reference="01S2TBPZ2JCNZZYGHZ",
    initial_written_on=date(2026, 1, 5),
    initial_by_hospital=True,
    comment="Revoir dans trois mois.\nAppeler si fièvre.",
)


def prescription(content: Content = WHOLE, **changes: Any) -> Prescription:
    """Signed and active."""
    signed = Signed(NUMBER, PersonId.new().value, PRESCRIBER, WRITTEN_ON, content)
    usual = Prescription(
        id=PrescriptionId.new(),
        number=NUMBER,
        person=PersonId(signed.person_id),
        kind=Kind.STANDARD,
        state=State.ACTIVE,
        version=2,
        prescriber=PRESCRIBER.id,
        organisation=PRESCRIBER.organisation,
        restricted=content.restricted,
        body=body.canonical(signed),
        signed=signed,
        created_at=SIGNED_AT - timedelta(minutes=5),
        changed_at=SIGNED_AT,
        written_on=WRITTEN_ON,
        expires_on=date(2027, 6, 12),
        signed_at=SIGNED_AT,
    )
    return replace(usual, **changes)


def without_ids(content: Content) -> Content:
    """The lines of a draft are new, and medicines come before devices in a document."""
    lines = sorted(content.lines, key=lambda one: one.kind is LineKind.DEVICE)
    return replace(content, lines=tuple(replace(one, line_id="") for one in lines))


# -- what Hypothesis makes

# White space is not kept in a narrative, and a lone dash says that there is nothing to say.
WORDS = (
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cn")), min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda word: word not in ("", "-", "Oui"))
)
TEXT = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
MAYBE = st.just("") | TEXT
AMOUNTS = st.decimals("0.25", "400", places=2).map(Decimal.normalize)
DAYS = st.integers(1, 90)


@st.composite
def doses(draw: st.DrawFn) -> Dose:
    low = draw(st.none() | AMOUNTS)
    high = draw(st.none() | AMOUNTS.filter(lambda high: high != low)) if low is not None else None
    frequency = draw(st.integers(0, 12))
    period = Decimal(draw(st.integers(1, 5))) if frequency else Decimal(1)
    return Dose(
        sequence=draw(st.integers(1, 3)),
        quantity=low,
        quantity_high=high,
        unit_code=draw(st.sampled_from(("", "{tablet}", "mL"))) if low is not None else "",
        unit_label=draw(MAYBE),
        frequency=frequency,
        period=period,
        period_unit=draw(st.sampled_from(("h", "d", "wk", "mo"))) if frequency else "d",
        when=tuple(draw(st.lists(st.sampled_from(("MORN", "NOON", "HS", "AC")), unique=True, max_size=2))),
        days_of_week=tuple(draw(st.lists(st.sampled_from(codes.WEEKDAYS), unique=True, max_size=3))),
        days=draw(st.just(0) | DAYS),
    )


@st.composite
def posologies(draw: st.DrawFn) -> Posology:
    as_needed = draw(st.booleans())
    return Posology(
        text=draw(TEXT),
        doses=tuple(draw(st.lists(doses(), max_size=3))),
        as_needed=as_needed,
        condition=draw(MAYBE),
        max_per_day=draw(st.none() | AMOUNTS),
        route_code=draw(st.sampled_from(("", "20053000"))),
        route_label=draw(TEXT),
    )


@st.composite
def medicines(draw: st.DrawFn) -> Line:
    starts_on = draw(st.none() | st.dates(date(2026, 6, 12), date(2026, 12, 1)))
    reason = draw(st.sampled_from(NonSubstitution))
    flags = {name: draw(st.booleans()) for name in (*codes.STATEMENTS, *codes.REMARKS)}
    unit = draw(st.sampled_from(CountUnit))
    substance = st.builds(
        Substance, st.sampled_from(("", "02202")), TEXT, st.sampled_from(("", "500 mg", "1,5 g"))
    )
    return Line(
        line_id=str(uuid4()),
        product=Product(
            cis=draw(st.sampled_from(("", "60000001"))),
            cip13=draw(st.sampled_from(("", "3400930000007"))),
            mv=draw(st.sampled_from(("", "MV00000001"))),
            label=draw(TEXT),
            dci=draw(MAYBE),
            substances=tuple(draw(st.lists(substance, max_size=2))),
        ),
        posology=draw(posologies()),
        starts_on=starts_on,
        duration_days=draw(st.just(0) | DAYS),
        quantity=draw(st.none() | st.builds(Quantity, AMOUNTS, st.just(unit), MAYBE, MAYBE)),
        renewals=draw(st.integers(0, 12)),
        non_substitution=reason,
        non_substitution_text=draw(MAYBE),
        exception_indication=draw(MAYBE),
        mentions=tuple(draw(st.lists(TEXT, max_size=3))),
        patient_note=draw(MAYBE),
        dispenser_note=draw(MAYBE),
        precondition=draw(MAYBE),
        **flags,  # type: ignore[arg-type]
    )


@st.composite
def contents(draw: st.DrawFn) -> Content:
    return Content(
        lines=tuple(draw(st.lists(medicines(), min_size=1, max_size=3))),
        weight_grams=draw(st.integers(0, 250_000)),
        height_millimetres=draw(st.integers(0, 2_500)),
        pregnant=draw(st.booleans()),
        restricted=draw(st.booleans()),
        initial_reference=draw(MAYBE),
        comment=draw(MAYBE),
        **{name: draw(st.booleans()) for name in codes.FLAGS},  # type: ignore[arg-type]
    )
