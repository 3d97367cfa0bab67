"""A text drawn as a square Data Matrix symbol (ISO/IEC 16022)."""

from __future__ import annotations

from io import BytesIO

import zxingcpp
from PIL import Image

# Pixels a module: 0.68 mm at 300 dots per inch.
MODULE = 8


def draw(text: str) -> tuple[bytes, str]:
    """The symbol of an ASCII text as PNG and as SVG, quiet zone included."""
    # Left to itself the library takes a rectangle of ISO/IEC 21471 where smaller: few scanners know them.
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix, force_square=True)
    drawn = BytesIO()
    Image.fromarray(zxingcpp.write_barcode_to_image(symbol, scale=MODULE)).save(drawn, "PNG")
    return drawn.getvalue(), zxingcpp.write_barcode_to_svg(symbol, scale=MODULE)
