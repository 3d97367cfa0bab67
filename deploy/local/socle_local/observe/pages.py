"""Pages from their templates; every text is escaped."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from . import drawing


def breakable(words: str) -> Markup:
    """A long name that may go on in the next line after a dot or a slash, not in the middle of a word."""
    return escape(words).replace(".", Markup(".<wbr>")).replace("/", Markup("/<wbr>"))


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "ms": drawing.milliseconds,
    "seconds": lambda value: drawing.milliseconds(None if value is None else value * 1000),
    "quantity": drawing.quantity,
    "rate": drawing.rate,
    "share": drawing.share,
    "clock": drawing.clock,
    "points": drawing.points,
    "breakable": breakable,
}


def page(template: str, status: int = 200, **values: object) -> Response:
    """A page."""
    return HTMLResponse(TEMPLATES.get_template(template).render(values), status)
