"""A document as a page: everything that is to be read, nothing that runs, loads or leads elsewhere."""

import base64
import re
from typing import Any

import pytest
from hypothesis import given as such_as
from hypothesis import strategies as st
from lxml import html

from dmp.domain import Coding
from dmp.domain.content import narrative, view
from dmp.domain.content.errors import NothingEnclosed

from .cda_given import SYNTHESIS, cda, enclosing, metadata_of, sections
from .dmp_given import entry

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 20).decode()
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF"
NARRATIVE = """
  <paragraph>Un <content styleCode="Bold Italics">mot</content><br/>puis<sub>2</sub></paragraph>
  <list listType="ordered"><caption>Liste</caption><item>un</item><item>deux</item></list>
  <table><caption>Mesures</caption><thead><tr><th colspan="2">Poids</th></tr></thead>
    <tbody><tr><td rowspan="99999">62</td><td>kg</td></tr></tbody></table>
  <linkHtml href="https://example.org/track">un lien</linkHtml>
  <footnote>Note</footnote>"""
HOSTILE = """
  <script>alert(1)</script><paragraph onclick="alert(2)" style="position:fixed">a</paragraph>
  <iframe src="https://example.org"/>
  <img src="x" onerror="alert(3)"/>
  <content styleCode="Bold"><object data="evil.swf"/><svg onload="alert(4)"/></content>
  <table background="https://example.org/p.gif"><tr><td colspan="0x7f"><form><input/></form></td></tr></table>
  <linkHtml href="javascript:alert(5)">cliquez</linkHtml>
  <renderMultiMedia referencedObject="NONE"/>&lt;script&gt;alert(6)&lt;/script&gt;"""
ACTIVE_TAGS = {
    "script",
    "iframe",
    "object",
    "embed",
    "svg",
    "form",
    "input",
    "link",
    "base",
    "math",
    "audio",
    "video",
}


def page_of(content: bytes, **changes: Any) -> str:
    return view.page(metadata_of(content, **changes), content).decode()


def structured(*texts: str, more: str = "") -> bytes:
    body = sections(*texts).replace("</text>", f"</text>{more}", 1)
    return cda(body=body, template=SYNTHESIS)


def nothing_runs(page: str) -> None:
    """Nothing of the page runs, loads or leads elsewhere."""
    tree = html.document_fromstring(page.encode())
    for element in tree.iter():
        assert str(element.tag) not in ACTIVE_TAGS
        assert not [name for name in element.attrib if str(name).startswith("on")]
        for name in ("src", "href", "action", "background", "data"):
            where = element.get(name)
            assert where is None or where == "view/enclosed" or str(where).startswith("data:image/")
    policies = [one for one in tree.iter("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert [str(one.get("content")).startswith("default-src 'none';") for one in policies] == [True]


def test_page_of_a_structured_document_has_its_header_and_its_narrative() -> None:
    page = page_of(structured(NARRATIVE, "Suite"))
    nothing_runs(page)
    for shown in (
        "Consultation",
        "PAT-TROIS DOMINIQUE MARIE-LOUISE",
        "28/03/1979",
        "Féminin",
        "Anne TEST",
        "Cabinet",
    ):
        assert shown in page
    assert "<h2>S1</h2>" in page
    assert "<strong><em>mot</em></strong>" in page.replace("\n", "")
    assert re.search(r"<ol>\s*<li>Liste</li>\s*<li>un</li>", page)
    assert '<th colspan="2">Poids</th>' in page
    assert "<caption>Mesures</caption>" in page
    assert "rowspan" not in page
    assert "un lien" in page
    assert "example.org" not in page


def test_page_is_french_first() -> None:
    page = page_of(cda())
    assert '<html lang="fr">' in page
    assert page.index("Date de naissance") < page.index("Born on")
    assert "Ouvrir le fichier" in page


def test_page_of_a_hostile_narrative_runs_nothing() -> None:
    page = page_of(structured(HOSTILE))
    nothing_runs(page)
    assert "&lt;script&gt;alert(6)&lt;/script&gt;" in page
    assert "cliquez" in page


def test_header_is_escaped() -> None:
    page = page_of(cda().replace(b"<title>Consultation", b"<title>&lt;script&gt;alert(1)&lt;/script&gt;"))
    nothing_runs(page)


@such_as(st.text(max_size=60))
def test_any_text_of_metadata_or_content_stays_text(said: str) -> None:
    content = said.encode("utf-8", "replace")
    told = entry(content, title=said, description=said, mime_type="text/plain")
    nothing_runs(view.page(told, content).decode())


def test_nested_sections_go_down_a_heading_each() -> None:
    inner = "<component><section><title>Dedans</title><text>x</text></section></component>"
    page = page_of(structured("dehors", more=inner))
    assert "<h3>Dedans</h3>" in page


def media(identifier: str, mime_type: str, encoded: str) -> str:
    value = f'<value mediaType="{mime_type}" representation="B64">{encoded}</value>'
    return f'<entry><observationMedia ID="{identifier}">{value}</observationMedia></entry>'


def test_picture_of_the_document_is_within_the_page() -> None:
    more = media("P1", "image/png", PNG)
    page = page_of(
        structured(
            '<renderMultiMedia referencedObject="P1"><caption>Écho</caption></renderMultiMedia>', more=more
        )
    )
    nothing_runs(page)
    assert f'src="data:image/png;base64,{PNG}"' in page
    assert 'alt="Écho"' in page


@pytest.mark.parametrize(
    ("mime_type", "encoded"),
    [
        ("image/svg+xml", PNG),
        ("image/png", base64.b64encode(b"<svg onload=x>").decode()),
        ("image/png", "@@"),
    ],
)
def test_picture_that_is_none_is_told_and_not_shown(mime_type: str, encoded: str) -> None:
    page = page_of(
        structured('<renderMultiMedia referencedObject="P1"/>', more=media("P1", mime_type, encoded))
    )
    nothing_runs(page)
    assert "<img" not in page
    assert "image non affichée" in page


def test_pictures_of_one_page_are_bounded() -> None:
    large = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * (narrative.MAX_PICTURES // 2)).decode()
    shown = '<renderMultiMedia referencedObject="P1"/>' * 3
    page = page_of(structured(shown, more=media("P1", "image/png", large)))
    assert page.count("<img") == 1
    assert page.count("image non affichée") == 2


def test_narrative_says_the_same_thing_many_times_and_the_page_once() -> None:
    """Names of pictures and styles repeated in one attribute would make a page that nobody can show."""
    small = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    caption = "<caption>" + "c" * 5_000 + "</caption>"
    pictures = f'<renderMultiMedia referencedObject="{"P1 " * 100_000}">{caption}</renderMultiMedia>'
    styles = f'<content styleCode="{"Bold Italics " * 100_000}">gras</content>'
    page = page_of(structured(pictures + styles, more=media("P1", "image/png", small)))
    assert (page.count("<img"), page.count("<strong>"), page.count("<em>")) == (1, 1, 1)
    assert page.count("c" * 5_000) == 1
    assert f'alt="{"c" * narrative.LONGEST_ALT}"' in page


def test_text_in_many_pieces_stays_in_order_and_is_copied_once() -> None:
    """A minute of work for a megabyte, when each piece is added to all that came before it."""
    texts = [f"t{number}" for number in range(40_000)]
    page = page_of(structured("<footnoteRef/>".join(texts), "a<br/>b<footnoteRef/>c<br/>d"))
    assert "".join(texts) in page
    assert "a<br>bc<br>d" in page


def test_page_of_a_level_1_document_leads_to_the_file_it_encloses() -> None:
    content = cda(body=enclosing(b"%PDF-1.4 fictif", "application/pdf"))
    page = page_of(content)
    nothing_runs(page)
    assert 'href="view/enclosed"' in page
    assert "PDF" in page
    assert view.enclosed(metadata_of(content), content) == ("application/pdf", b"%PDF-1.4 fictif")


def test_enclosed_text_and_jpeg_are_shown_at_once() -> None:
    assert "<pre>&lt;b&gt;Tout va bien" in page_of(cda(body=enclosing(b"<b>Tout va bien")))
    picture = page_of(cda(body=enclosing(JPEG, "image/jpeg")))
    nothing_runs(picture)
    assert f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}" in picture


def test_page_of_what_is_no_cda_tells_its_metadata_and_leads_to_it() -> None:
    told = entry(b"{\\rtf1 x}", mime_type="text/rtf", type=Coding("11488-4", "", "CR de consultation"))
    page = view.page(told, b"{\\rtf1 x}").decode()
    nothing_runs(page)
    assert "CR de consultation" in page
    assert "Ouvrir le fichier (RTF)" in page
    assert view.enclosed(told, b"{\\rtf1 x}") == ("text/rtf", b"{\\rtf1 x}")


def test_structured_document_encloses_nothing() -> None:
    content = structured("x")
    with pytest.raises(NothingEnclosed) as refused:
        view.enclosed(metadata_of(content), content)
    assert refused.value.hint
