"""`python -m eprescription.verify`: offline, in French, with an exit code that a script can act on."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO, TextIOWrapper
from pathlib import Path

import orjson
import pytest
import zxingcpp
from PIL import Image

import eprescription
from eprescription import verify
from eprescription.domain import number, symbol, token
from eprescription.domain.token import Shortened
from eprescription.verify import EXPIRED, FORGED, GENUINE, UNKNOWN_KEY, UNREADABLE

from .keys_given import EXPIRES, platform, wide_token
from .keys_given import token as token_of

KEYS, _ = platform()
TOKEN = token_of()
TEXT = token.make(TOKEN, KEYS.token_signer)
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(orjson.dumps(KEYS.jwks()))
    return path


@pytest.fixture
def run(published: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; exit code and all it said."""

    def ran(*arguments: str, keys: Path = published, today: object = EXPIRES) -> tuple[int, str]:
        code = verify.main(["--keys", str(keys), *arguments], today)  # type: ignore[arg-type]
        said = capsys.readouterr()
        return code, said.out + said.err

    return ran


def test_a_genuine_code_is_told_with_what_it_says(run: Run) -> None:
    code, said = run(TEXT)
    assert code == GENUINE
    assert "AUTHENTIQUE" in said
    assert TOKEN.number in said
    assert "LAJOIE-ÉTERNEL MARIE, né(e) le 02/01/1980" in said
    assert "à présenter au plus tard le 22/05/2027" in said
    assert "1. PARACETAMOL 500 mg, comprimé, 24 unité(s), 8 jours" in said


def test_the_access_code_is_not_shown(run: Run) -> None:
    """It opens the prescription: a screen is seen by more people than a code."""
    assert TOKEN.access_code not in run(TEXT)[1]


def test_an_expired_one_is_genuine_and_says_since_when(run: Run) -> None:
    code, said = run(TEXT, today=EXPIRES + timedelta(days=1))
    assert code == EXPIRED
    assert "sans première délivrance possible après le 22/05/2027" in said
    assert "la plateforme dit ce qui reste" in said
    reprinted = token.make(replace(TOKEN, begun=True), KEYS.token_signer)
    assert "délivrable jusqu'au 22/05/2027" in run(reprinted)[1]
    code, said = run(reprinted, today=EXPIRES + timedelta(days=1))
    assert code == EXPIRED
    assert "plus délivrable après le 22/05/2027" in said


CHANGED = TEXT[:40] + ("0" if TEXT[40] != "0" else "1") + TEXT[41:]


@pytest.mark.parametrize("altered", [TEXT[:-3], CHANGED, TEXT + "AB"])
def test_an_altered_one_is_refused_and_shows_nothing(run: Run, altered: str) -> None:
    code, said = run(altered)
    assert code == FORGED
    assert "FALSIFIÉ" in said
    assert "LAJOIE" not in said


def test_a_code_of_a_key_that_is_not_published_is_named_so(run: Run) -> None:
    stranger, _ = platform()
    code, said = run(token.make(TOKEN, stranger.token_signer))
    assert code == UNKNOWN_KEY
    assert "CLÉ INCONNUE" in said


def test_a_code_cut_out_and_glued_on_another_paper_is_seen(run: Run) -> None:
    other = number.new()
    code, said = run(TEXT, "--number", other)
    assert code == FORGED
    assert "AUTRE ORDONNANCE" in said
    spaced = " ".join((TOKEN.number[:9], TOKEN.number[9:])).lower()
    assert run(TEXT, "--number", spaced)[0] == GENUINE
    mistyped = TOKEN.number[:-1] + ("0" if TOKEN.number[-1] != "0" else "1")
    assert run(TEXT, "--number", mistyped)[0] == UNREADABLE


@pytest.mark.parametrize("text", ["bonjour", "HC1:6BFOXN", "", "1.2.3"])
def test_what_is_not_ours_is_said(run: Run, text: str) -> None:
    code, said = run(text)
    assert code == UNREADABLE
    assert "PAS UN CODE D'ORDONNANCE" in said


def test_a_photograph_is_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "code.png"
    path.write_bytes(symbol.png(TEXT))
    assert run(str(path))[0] == GENUINE
    turned = tmp_path / "turned.jpg"
    Image.open(path).convert("RGB").rotate(11, expand=True, fillcolor="white").save(turned, quality=60)
    assert run(str(turned))[0] == GENUINE


def test_the_code_is_found_among_the_others_of_the_paper(run: Run, tmp_path: Path) -> None:
    bars = zxingcpp.create_barcode("10100000011", zxingcpp.BarcodeFormat.Code128)
    paper = Image.new("L", (1200, 1400), 255)
    paper.paste(Image.fromarray(zxingcpp.write_barcode_to_image(bars, scale=3)), (50, 50))
    (tmp_path / "code.png").write_bytes(symbol.png(TEXT))
    paper.paste(Image.open(tmp_path / "code.png"), (50, 400))
    paper.save(tmp_path / "paper.png")
    assert run(str(tmp_path / "paper.png"))[0] == GENUINE


def test_an_image_that_shows_nothing_is_said(run: Run, tmp_path: Path) -> None:
    blank, broken = tmp_path / "blank.png", tmp_path / "broken.png"
    Image.new("L", (50, 50), 255).save(blank)
    broken.write_bytes(b"not a picture")
    assert run(str(blank)) == (
        UNREADABLE,
        f"ILLISIBLE : {blank} ne montre aucun code lisible : reprenez la photographie de plus près.\n",
    )
    assert "n'est pas une image lisible" in run(str(broken))[1]


def test_an_image_too_large_is_not_decoded(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.png"
    Image.new("1", (100, 101)).save(path)
    monkeypatch.setattr(verify, "MOST_PIXELS", 10_000)
    assert "trop grande" in run(str(path))[1]


def test_the_text_may_come_from_the_entry(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(TEXT.encode() + b"\n")))
    assert run("-")[0] == GENUINE


def test_what_is_neither_a_text_of_ours_nor_a_file_is_said_so(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than the name of a file may be; bytes that are no text."""
    assert run("x" * 5000)[0] == UNREADABLE
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"\xff\xfe\x00"), encoding="utf-8"))
    assert run("-")[0] == UNREADABLE


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"keys": 7}'])
def test_keys_that_are_not_there_are_asked_for(run: Run, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "wrong.json"
    if content is not None:
        path.write_bytes(content)
    code, said = run(TEXT, keys=path)
    assert code == UNREADABLE
    assert str(path) in said


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (wide_token(60), "codes seuls"),
        (wide_token(60, coded=False), "le code n'en dit que le nombre"),
        (replace(TOKEN, lines=(), shortened=Shortened.WITHHELD), "accès restreint"),
    ],
)
def test_what_the_code_leaves_out_is_said(run: Run, made: token.Token, words: str) -> None:
    code, said = run(token.make(made, KEYS.token_signer))
    assert code == GENUINE
    assert words in said


def test_it_runs_alone_without_network_nor_database(published: Path, tmp_path: Path) -> None:
    """In a process of its own, where opening any socket fails."""
    guard = tmp_path / "sitecustomize.py"
    guard.write_text(
        "import socket\n"
        "class Closed(socket.socket):\n"
        "    def __init__(self, *_, **__): raise RuntimeError('network')\n"
        "socket.socket = Closed\n"
    )
    roots = [str(tmp_path), str(Path(eprescription.__file__).parents[1]), *sys.path]
    ran = subprocess.run(
        [sys.executable, "-m", "eprescription.verify", "--keys", str(published), TEXT],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(roots)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) in ((GENUINE, ""), (EXPIRED, ""))
    assert TOKEN.number in ran.stdout
