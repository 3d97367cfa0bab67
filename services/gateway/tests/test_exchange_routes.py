"""A datamatrix leaves as the type that is asked for; a PAM message travels as HL7, both ways."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.testing import callers
from socle.identity_ins.v1 import exchange_pb2

ID = "01900000-0000-7000-8000-0000000000aa"
ONE = f"/v1/identities/{ID}"


@pytest.mark.parametrize(
    ("accept", "kind", "content"),
    [
        ("", "application/json", None),
        ("*/*", "application/json", None),
        ("image/png", "image/png", b"\x89PNG"),
        ("image/*;q=0.8, image/png;q=0.1", "image/svg+xml", b"<svg/>"),
        ("application/json;q=0.2, image/svg+xml", "image/svg+xml", b"<svg/>"),
        ("text/html, */*;q=0.1", "application/json", None),
    ],
)
async def test_datamatrix_is_an_image_when_asked(
    recording: Any, accept: str, kind: str, content: bytes | None
) -> None:
    recording.exchange.answers["GetDatamatrix"] = exchange_pb2.GetDatamatrixResponse(
        text="IS01", png=b"\x89PNG", svg="<svg/>"
    )
    answer = await recording.client.get(
        f"{ONE}/datamatrix", headers=recording.as_(callers.staff, Accept=accept)
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == kind
    if content is None:
        assert answer.json() == {"text": "IS01", "png": "iVBORw==", "svg": "<svg/>"}
    else:
        assert answer.content == content


async def test_type_that_is_not_offered_is_406(recording: Any) -> None:
    headers = recording.as_(callers.staff, Accept="application/pdf, image/png;q=0")
    answer = await recording.client.get(f"{ONE}/datamatrix", headers=headers)
    assert answer.status_code == 406
    assert answer.json()["hint"] == "Accept application/json, image/png, image/svg+xml."
    assert recording.exchange.asked == []


async def test_pam_message_travels_as_hl7_both_ways(recording: Any) -> None:
    content = "MSH|^~\\&|SOCLE\rPID|||1^^^X||D'ARTAGNAN^ZOÉ\r"
    made = Timestamp(seconds=1)
    message = exchange_pb2.PamMessage(id=ID, trigger="A28", content=content, made_at=made, position=3)
    recording.exchange.answers["GetPamMessage"] = exchange_pb2.GetPamMessageResponse(message=message)
    headers = recording.as_(callers.staff, Accept="application/hl7-v2")
    answer = await recording.client.get(f"/v1/pam-messages/{ID}", headers=headers)
    assert answer.headers["content-type"].startswith("application/hl7-v2")
    assert answer.content.decode() == content
    back = recording.as_(callers.staff, Content_Type="application/hl7-v2")
    await recording.client.post("/v1/pam-messages/read", content=answer.content, headers=back)
    ((_, _, _), (name, request, _)) = recording.exchange.asked
    assert (name, request.content) == ("ReadPamMessage", content)


@pytest.mark.parametrize(
    ("kind", "content", "status", "code"),
    [
        ("application/hl7-v2", "PID|É".encode("latin-1"), 400, "NOT_UTF8"),
        ("application/hl7-v2", b"", 400, "UNREADABLE_REQUEST"),
        ("application/hl7-v2; charset=iso-8859-1", b"MSH|", 415, ""),
        ("text/plain", b"MSH|", 415, ""),
        ("application/json", b'{"content": 3}', 400, "UNREADABLE_REQUEST"),
    ],
)
async def test_pam_message_that_is_no_text_is_refused(
    recording: Any, kind: str, content: bytes, status: int, code: str
) -> None:
    headers = recording.as_(callers.staff, Content_Type=kind)
    answer = await recording.client.post("/v1/pam-messages/read", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert not code or answer.json()["code"] == code
    assert recording.exchange.asked == []
