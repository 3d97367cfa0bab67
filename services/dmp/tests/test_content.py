"""What the bytes are, whatever is said of them; and what a CDA may cost to read."""

import zlib
from contextlib import suppress

import pytest
from hypothesis import given as such_as
from hypothesis import strategies as st

from chassis.errors import InvalidInput, SocleError
from dmp.domain import errors
from dmp.domain.content import bounds, sniffing
from dmp.domain.content.errors import ActiveContent

ROOT = b'<ClinicalDocument xmlns="urn:hl7-org:v3">%s</ClinicalDocument>'
BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<ClinicalDocument xmlns="urn:hl7-org:v3" id="&b;"/>'
)
NOT_PLAIN_CDA = {
    "not XML": b"no",
    "another root": b"<ClinicalDocument/>",
    "cut short": b'<ClinicalDocument xmlns="urn:hl7-org:v3">',
    "bomb": BOMB,
    "outer DTD": b'<!DOCTYPE ClinicalDocument SYSTEM "http://127.0.0.1:1/x.dtd">' + ROOT % b"",
    "bomb in UTF-16": BOMB.decode().encode("utf-16"),
    "too deep": ROOT % (b"<a>" * 200 + b"</a>" * 200),
    "too many elements": ROOT % (b"<a/>" * (bounds.MAX_ELEMENTS + 1)),
    "undeclared entity": ROOT % b"&x;",
}
GOOD = {
    "application/pdf": b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj",
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "image/tiff": b"II*\x00\x08\x00\x00\x00",
    "text/rtf": rb"{\rtf1\ansi {\pict\pngblip 89504e47} Bonjour}",
    "text/plain": "<script>du texte</script> à lire".encode(),
    "text/xml": ROOT % b"",
}


def object_stream(inner: bytes) -> bytes:
    packed = zlib.compress(inner)
    return (
        b"%%PDF-1.5\n1 0 obj<</Type/ObjStm/Filter/FlateDecode/Length %d>>stream\n" % len(packed)
        + packed
        + (b"\nendstream endobj")
    )


ACTIVE = {
    "JavaScript": ("application/pdf", b"%PDF-1.4 <</S /JavaScript /JS (app.alert(1))>>"),
    "JavaScript, letters by code": ("application/pdf", b"%PDF-1.4 <</S /J#61va#53cript>>"),
    "launch": ("application/pdf", b"%PDF-1.7 <</S/Launch/F(cmd.exe)>>"),
    "JavaScript, compressed": ("application/pdf", object_stream(b"7 0 <</S/JavaScript>>")),
    "JavaScript, compressed, far from its name": (
        "application/pdf",
        object_stream(b"7 0 <</S/JavaScript>>").replace(b">>stream", b" " * 5_000 + b">>stream"),
    ),
    "JavaScript, compressed, name by code": (
        "application/pdf",
        object_stream(b"7 0 <</S/JavaScript>>").replace(b"/ObjStm", b"/#4fbjStm"),
    ),
    # Each would be read to the end of the file: hours for twenty megabytes.
    "object streams that do not end": ("application/pdf", b"%PDF-1.4\n" + b"/ObjStm stream\nx\x9c" * 100_000),
    "object in an RTF": ("text/rtf", rb"{\rtf1 {\object\objemb{\*\objdata 0105}}}"),
}


@pytest.mark.parametrize("xml", NOT_PLAIN_CDA.values(), ids=NOT_PLAIN_CDA)
def test_xml_that_is_no_plain_cda_is_refused(xml: bytes) -> None:
    with pytest.raises(errors.CdaNotReadable) as refused:
        sniffing.check("text/xml", xml, "content")
    assert refused.value.field == "content"
    assert refused.value.hint


def test_xml_that_breaks_is_told_by_its_place_and_never_quoted() -> None:
    with pytest.raises(errors.CdaNotReadable) as refused:
        sniffing.check("text/xml", b'<patient name="DURAND"><DURAND></patient>', "content")
    assert "line 1" in refused.value.hint
    assert "DURAND" not in str(vars(refused.value))


def test_cda_with_a_long_base64_body_is_accepted() -> None:
    sniffing.check("text/xml", ROOT % (b"QUJD" * 3_000_000), "content")


@pytest.mark.parametrize("declared", GOOD)
@pytest.mark.parametrize("real", GOOD)
def test_content_is_accepted_as_what_it_is_only(declared: str, real: str) -> None:
    # Markup is plain text to who declares it so: it is shown as text, never run.
    if declared == real or (declared, real) == ("text/plain", "text/xml"):
        sniffing.check(declared, GOOD[real], "content")
        return
    with pytest.raises((errors.ContentNotAsDeclared, errors.CdaNotReadable)) as refused:
        sniffing.check(declared, GOOD[real], "content")
    assert refused.value.hint


def test_content_declared_wrongly_is_told_what_it_looks_like() -> None:
    with pytest.raises(errors.ContentNotAsDeclared, match="MIME") as refused:
        sniffing.check("image/tiff", GOOD["image/jpeg"], "content")
    assert "image/jpeg" in refused.value.hint


def test_type_that_no_record_takes_is_refused_with_those_it_takes() -> None:
    with pytest.raises(errors.MimeTypeNotAccepted) as refused:
        sniffing.check("text/html", b"<html></html>", "content")
    assert "application/pdf" in refused.value.hint


@pytest.mark.parametrize("mime_type", GOOD)
def test_empty_content_is_refused(mime_type: str) -> None:
    with pytest.raises(errors.ContentNotAsDeclared):
        sniffing.check(mime_type, b"", "content")


@pytest.mark.parametrize("text", ["é".encode("latin-1"), b"a\x00b", b"\x1b[31m"])
def test_text_that_is_not_plain_utf_8_is_refused(text: bytes) -> None:
    with pytest.raises(errors.ContentNotAsDeclared):
        sniffing.check("text/plain", text, "content")


@pytest.mark.parametrize("name", ACTIVE)
def test_content_that_would_run_is_refused(name: str) -> None:
    with pytest.raises(ActiveContent) as refused:
        sniffing.check(*ACTIVE[name], "content")
    assert refused.value.hint


def test_pdf_whose_objects_inflate_without_end_is_refused_at_the_bound() -> None:
    """What lies beyond the bound cannot be looked at: small as it came, it is not taken on trust."""
    packed = object_stream(b"\0" * (sniffing.MAX_INFLATED + 10) + b"/JavaScript")
    assert len(packed) < 100_000
    with pytest.raises(ActiveContent, match="open by itself") as refused:
        sniffing.check("application/pdf", packed, "content")
    assert str(sniffing.MAX_INFLATED) in refused.value.hint


def test_pdf_that_only_speaks_of_scripts_is_accepted() -> None:
    sniffing.check("application/pdf", b"%PDF-1.4 (JavaScript) /JavaScripts /Launching", "content")


@such_as(st.sampled_from(sorted(sniffing.READERS)), st.binary(max_size=300))
def test_noise_is_refused_or_accepted_never_a_crash(mime_type: str, noise: bytes) -> None:
    with suppress(InvalidInput):
        sniffing.check(mime_type, noise, "content")


@such_as(st.binary(max_size=300))
def test_noise_inside_a_cda_is_never_a_crash(noise: bytes) -> None:
    with suppress(SocleError):
        sniffing.check("text/xml", ROOT % noise, "content")
