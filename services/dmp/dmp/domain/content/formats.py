"""Which format code (XDS formatCode) a CDA has: by the file it encloses, or by the template it follows.

Source: ANS, Nomenclatures des objets de santé, ASS_A11 (template to format code, February 2024) and JDV_J10.
Retyped; a newer release replaces the tables, no code changes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dmp.domain.terminology import PLAIN_FORMATS

# The producer leaves it to the MIME type (IHE).
ANY = "urn:ihe:iti:xds:2017:mimeTypeSufficient"
# Structured, of a template that the table does not know.
OUTSIDE_MODELS = "urn:asipSante:modelesHorsProfils:2011"
# Level 1: a file in the body (XDS-SD of IHE).
OF_ENCLOSED = {mime_type: code for code, mime_type in PLAIN_FORMATS.items()}
CI_SIS = "1.2.250.1.213.1.1.1."
# Templates of the CI-SIS by what follows their common root; the others whole.
_OF_TEMPLATE = """
    5.1 urn:asip:ci-sis:cse-cs8:2017
    5.2 urn:asip:ci-sis:cse-cs9:2017
    5.3 urn:asip:ci-sis:cse-cs24:2017
    5.4 urn:ans:ci-sis:cse-mde:2023
    8 urn:asip:ci-sis:frcp:2011
    9 urn:asip:ci-sis:idap:2011
    10 urn:asip:ci-sis:cva:2017
    12.1 urn:asip:ci-sis:obp-sap:2023
    12.2 urn:asip:ci-sis:obp-snm:2023
    12.3 urn:asip:ci-sis:obp-sne:2023
    12.4 urn:asip:ci-sis:obp-scm:2023
    12.5 urn:asip:ci-sis:obp-sem:2023
    13 urn:asip:ci-sis:vsm:2012
    15 urn:asip:ci-sis:aunv:2013
    16 urn:asip:ci-sis:eunv:2013
    17 urn:asip:ci-sis:sunv:2013
    18 urn:asip:ci-sis:crrtn:2013
    2.1.1 urn:asip:ci-sis:avk:2009
    2.1.2 urn:asip:ci-sis:tap:2009
    2.1.3 urn:asip:ci-sis:dci:2009
    2.1.4 urn:asip:ci-sis:psc:2009
    2.1.5 urn:asip:ci-sis:ppv:2009
    20 urn:asip:ci-sis:pps-paerpa:2017
    21 urn:asip:ci-sis:ldl-ees:2017
    22 urn:asip:ci-sis:dlu:2015
    23 urn:asip:ci-sis:fludt:2017
    24 urn:asip:ci-sis:fludr:2017
    25 urn:asip:ci-sis:pavc:2016
    26 urn:asip:ci-sis:pps-cancer:2017
    27 urn:asip:ci-sis:d2lm-fin:2017
    28 urn:asip:ci-sis:d2lm-fidd:2017
    29 urn:asip:ci-sis:ldl-ses:2017
    30 urn:asip:ci-sis:sdm-mr:2017
    32 urn:asip:ci-sis:crgm:2018
    36 urn:asip:ci-sis:hr:2019
    37 urn:asip:ci-sis:vac:2019
    38 urn:asip:ci-sis:tlm-da:2020
    39 urn:ihe:pharm:pre:2010
    40 urn:asip:ci-sis:cr-anest:2020
    41 urn:asip:ci-sis:cr-cpa:2020
    42 urn:ihe:eyecare:geneyeevalcn:2014
    43 urn:ihe:eyecare:geneyeevalcn:2014
    44 urn:ihe:eyecare:geneyeevalcn:2014
    45 urn:ihe:rad:CDA:ImagingReportStructuredHeadings:2013
    46 urn:asip:ci-sis:vac-note:2021
    47 urn:ans:ci-sis:img-da:2022
    48 urn:asip:ci-sis:dlu-dlu-dom:2022
    49 urn:asip:ci-sis:dlu-fludt-dom:2022
    50 urn:asip:ci-sis:dlu-fludr-dom:2022
    51 urn:ihe:pcc:ips:2020
    52 urn:ans:ci-sis:bio-ep-bio:2022
    54 urn:ihe:pharm:dis:2010
    55 urn:ihe:lab:xd-lab:2008
    56 urn:asip:ci-sis:ppp:2023
    57 urn:ihe:palm:apsr:2016
    58 urn:asip:ci-sis:export-dui:2023
    1.3.6.1.4.1.19376.1.3.3 urn:ihe:lab:xd-lab:2008
"""
OF_TEMPLATE: dict[str, str] = {
    template if template.startswith("1.3.") else CI_SIS + template: code
    for template, code in (line.split() for line in _OF_TEMPLATE.strip().splitlines())
}


def expected(enclosed_type: str, templates: Collection[str]) -> frozenset[str]:
    """The format codes that a document may have; empty when its template is newer than the table."""
    if enclosed_type:
        return frozenset({OF_ENCLOSED[enclosed_type]} if enclosed_type in OF_ENCLOSED else ())
    return frozenset(OF_TEMPLATE[one] for one in templates if one in OF_TEMPLATE)


def told_by(enclosed_type: str, templates: Sequence[str]) -> str:
    """The format code of a document whose producer gives none; "" for an enclosed file of no known type."""
    if enclosed_type:
        return OF_ENCLOSED.get(enclosed_type, "")
    return next((OF_TEMPLATE[one] for one in templates if one in OF_TEMPLATE), OUTSIDE_MODELS)


def is_level_1(code: str) -> bool:
    """The format says that a file stands in the body."""
    return code in PLAIN_FORMATS
