"""The rules by number: article, and what the law says in one line; the documentation has the same table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eprescription.domain.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `article` is of the code de la santé publique unless it says otherwise."""

    number: str
    article: str
    says: str


_ALL = (
    Rule("V1", "R.5132-22", "Listed and narcotic-like medicines: first delivery within three months."),
    Rule("V2", "R.5132-21", "Listed medicines: treated, and delivered, for twelve months at most."),
    Rule(
        "V3", "R.5132-12", "One delivery covers four weeks or thirty days; big packs and contraceptives more."
    ),
    Rule("V4", "R.5132-14", "Delivered again once the time covered has passed, unless written otherwise."),
    Rule("V5", "R.5132-21", "Renewed only as the prescriber wrote it, never where renewal is forbidden."),
    Rule("V6", "R.5132-21", "Some medicines are prescribed for some weeks or months at most."),
    Rule(
        "V7",
        "R.5132-5, R.5132-29, R.5132-30",
        "Narcotics: secure form, in full letters, 28 days, no renewal.",
    ),
    Rule("V8", "R.5132-30", "Some medicines are delivered by fractions unless written `en une seule fois`."),
    Rule("V9", "R.5132-33", "Narcotics brought after three days: only the days that remain, in exact units."),
    Rule(
        "V10",
        "décret 2022-972",
        "Planned surgery: brought from three days before the discharge to three after.",
    ),
    Rule(
        "V11",
        "R.5132-33",
        "No narcotic while an earlier prescription runs, unless `chevauchement` is written.",
    ),
    Rule("V12", "R.5132-22", "Secure medicines that are no narcotics: three months, not three days."),
    Rule("V13", "R.5121-77", "Restricted prescription: hospital, specialists, initial prescription in date."),
    Rule("V14", "R.5121-77", "Consents, attestations and results are seen before the delivery."),
    Rule(
        "V15",
        "R.5123-2-1",
        "Expired chronic treatment: renewed once by the pharmacist, three months at most.",
    ),
    Rule("V16", "L.5125-23", "Chronic treatment: the big pack where there is one."),
    Rule(
        "V17",
        "L.5125-23, R.4235-61",
        "Another product only with the agreement of the prescriber; refuse danger.",
    ),
    Rule("V18", "L.5125-23", "Substitution stays inside the generic group."),
    Rule("V19", "arrêté du 12 novembre 2019", "No substitution: MTE, EFG or CIF, justified on each line."),
    Rule("V20", "L.5121-12-1-2", "Off-label: `hors AMM` is written, and `NR` where it is not reimbursed."),
    Rule("V21", "L.161-34 CSS", "Long-term illness: two-part form, the line says its part."),
    Rule("V22", "R.163-2 CSS", "Exception medicines: special form, with the indication."),
    Rule("V23", "R.5132-3", "Mentions without which nothing is delivered, and within reason."),
    Rule("V25", "L.4111-1, L.4161-1", "Who may prescribe, and what, by profession."),
)
RULES: Mapping[str, Rule] = {rule.number: rule for rule in _ALL}


def refusal(rule: str, sentence: str, hint: str = "", line: str = "", about: str = "") -> Finding:
    """The law refuses; the sentence and the hint are French, read by a professional."""
    return Finding(rule, Severity.REFUSAL, sentence, hint, RULES[rule].article, line, about)


def warning(rule: str, sentence: str, hint: str = "", line: str = "", about: str = "") -> Finding:
    """Goes on with a recorded decision."""
    return Finding(rule, Severity.WARNING, sentence, hint, RULES[rule].article, line, about)


def duty(rule: str, sentence: str, hint: str = "", line: str = "", about: str = "") -> Finding:
    """Something the professional does or checks, that a machine cannot."""
    return Finding(rule, Severity.DUTY, sentence, hint, RULES[rule].article, line, about)
