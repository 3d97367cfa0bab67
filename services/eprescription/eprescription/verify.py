"""Checks the QR code of a prescription without a network and without a database.

    python -m eprescription.verify [--keys FILE] [--number NUMBER] TEXT | IMAGE | -

Exit code 0 when it is genuine and in date, 1 when it is forged, altered or of another number, 2 when it
cannot be read or is none of ours, 3 when it has expired, 4 when its key is not among the published ones.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import typer
import zxingcpp
from PIL import Image, UnidentifiedImageError

from chassis.call import utc_now

from .domain import number, token
from .domain.errors import NumberWrong
from .domain.rules.calendar import paris_day
from .domain.token import Flag, Shortened, Token, TokenLine

GENUINE, FORGED, UNREADABLE, EXPIRED, UNKNOWN_KEY = range(5)
KEYS_FILE = "socle-prescription-keys.json"
# A photograph of a telephone is under 50 million pixels; the sheet of a scanner at 600 dpi under 35.
MOST_PIXELS = 60_000_000
FLAGS = {Flag.ALD: "ALD", Flag.NOT_SUBSTITUTABLE: "non substituable", Flag.NON_REIMBURSABLE: "NR"}
UNITS = {"box": "boîte(s)", "dose": "unité(s)", "day": "jour(s)"}


class NotGiven(Exception):
    """There is nothing that could be verified; the text says why, in French."""


def main(arguments: Sequence[str] | None = None, today: date | None = None) -> int:
    """The exit code; `today` is the day in Paris unless given."""
    asked = _asked(arguments)
    try:
        keys, text = _keys(asked.keys), _text(asked.what)
    except NotGiven as error:
        return _verdict(UNREADABLE, f"ILLISIBLE : {error}")
    try:
        found = token.read(text, keys)
    except token.TokenKeyUnknown:
        return _verdict(UNKNOWN_KEY, "CLÉ INCONNUE : ce code est signé par une clé qui n'est pas publiée.")
    except token.TokenForged:
        return _verdict(
            FORGED, "FALSIFIÉ OU ALTÉRÉ : la signature ne vérifie pas. Ne délivrez pas sur ce code."
        )
    except token.TokenUnreadable:
        return _verdict(UNREADABLE, "PAS UN CODE D'ORDONNANCE : son texte n'est pas de cette plateforme.")
    return _genuine(found, asked.number, today or paris_day(utc_now()))


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m eprescription.verify",
        description="Vérifie hors ligne le QR code d'une ordonnance.",
    )
    parser.add_argument(
        "what", metavar="TEXTE|IMAGE|-", help="texte du code, image qui le montre, ou - (entrée)"
    )
    default = os.environ.get("SOCLE_PRESCRIPTION_KEYS", KEYS_FILE)
    parser.add_argument("--keys", type=Path, default=Path(default), help="clés publiées (JWKS)")
    parser.add_argument("--number", default="", help="numéro imprimé, à comparer avec celui du code")
    return parser.parse_args(arguments)


def _keys(path: Path) -> Mapping[str, Any]:
    try:
        keys = orjson.loads(path.read_bytes())
    except OSError:
        raise NotGiven(
            f"pas de clés publiées dans {path} (téléchargez /.well-known/socle-prescription-keys)."
        ) from None
    except ValueError:
        raise NotGiven(f"{path} n'est pas du JSON.") from None
    if not isinstance(keys, dict) or not isinstance(keys.get("keys"), list):
        raise NotGiven(f"{path} n'est pas un jeu de clés (JWKS).")
    return keys


def _text(what: str) -> str:
    if what == "-":
        # Any bytes: a scanner that sends others than UTF-8 has read no code of ours.
        given = sys.stdin.buffer.read(token.LONGEST_TEXT + 2)
        return given.decode(errors="replace").rstrip("\r\n")
    # A text of base 45 may hold a slash: it is a file only when it does not begin as ours do.
    if what.startswith(token.PREFIX) or not _is_file(what):
        return what
    texts = _scanned(Path(what))
    return next((text for text in texts if text.startswith(token.PREFIX)), texts[0])


def _is_file(what: str) -> bool:
    try:
        return Path(what).is_file()
    except (OSError, ValueError):
        # Longer than a name may be: a text then.
        return False


def _scanned(path: Path) -> list[str]:
    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NotGiven(f"{path} est une image trop grande.")
            texts = [code.text for code in zxingcpp.read_barcodes(image.convert("L"))]
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError):
        raise NotGiven(f"{path} n'est pas une image lisible.") from None
    if not texts:
        raise NotGiven(f"{path} ne montre aucun code lisible : reprenez la photographie de plus près.")
    return texts


def _genuine(found: Token, printed: str, today: date) -> int:
    """The signature holds; the number and the day are still to be compared."""
    try:
        same = not printed or number.check(printed) == found.number
    except NumberWrong:
        return _verdict(UNREADABLE, "NUMÉRO MAL SAISI : son caractère de contrôle ne vérifie pas.")
    if not same:
        return _verdict(FORGED, "AUTRE ORDONNANCE : ce code est authentique, mais d'un autre numéro.")
    _told(found)
    if found.expires_on < today:
        return _verdict(EXPIRED, _expired(found))
    return _verdict(GENUINE, "AUTHENTIQUE : signée par la plateforme, en cours de validité à ce jour.")


def _told(found: Token) -> None:
    typer.echo(f"Ordonnance   {found.number}")
    typer.echo(f"Prescripteur {found.prescriber}")
    if found.birth_name:
        born = "/".join(reversed(found.birth_date.split("-")))
        typer.echo(f"Patient      {found.birth_name} {found.first_name}, né(e) le {born}")
    until = "délivrable jusqu'au" if found.begun else "à présenter au plus tard le"
    typer.echo(f"Écrite le    {_day(found.written_on)}, {until} {_day(found.expires_on)}")
    typer.echo(f"Lignes       {found.line_count}{SHORTENED[found.shortened]}")
    for rank, line in enumerate(found.lines, 1):
        typer.echo(f"  {rank}. {_line(line)}")
    typer.echo("Ce qui a déjà été délivré n'est pas dans le code : inscrivez la délivrance sur le papier,")
    typer.echo("et enregistrez-la dès que la plateforme répond.")


SHORTENED = {
    Shortened.WHOLE: "",
    Shortened.CODES: " (codes seuls : libellés sur le papier)",
    Shortened.COUNTED: " (à lire sur le papier : le code n'en dit que le nombre)",
    Shortened.WITHHELD: " (à lire sur le papier : ordonnance à accès restreint)",
}


def _line(line: TokenLine) -> str:
    parts = [" ".join(word for word in (line.label, line.code) if word)]
    if line.quantity:
        parts.append(f"{line.quantity} {UNITS.get(line.unit, line.unit)}")
    if line.days:
        parts.append(f"{line.days} jours")
    if line.renewals:
        parts.append(f"{line.renewals} renouvellement(s)")
    return ", ".join(parts + [word for flag, word in FLAGS.items() if flag in line.flags])


def _expired(found: Token) -> str:
    """A first delivery in time lets the others come later: the code was printed before, and cannot know."""
    last = _day(found.expires_on)
    if found.begun:
        return f"EXPIRÉE : authentique, mais plus délivrable après le {last}."
    return (
        f"EXPIRÉE : authentique, mais sans première délivrance possible après le {last}.\n"
        "Si une délivrance faite à temps est inscrite sur le papier, la plateforme dit ce qui reste."
    )


def _day(day: date) -> str:
    return day.strftime("%d/%m/%Y")


def _verdict(code: int, words: str) -> int:
    typer.echo(words, err=code not in (GENUINE, EXPIRED))
    return code


if __name__ == "__main__":
    sys.exit(main())
