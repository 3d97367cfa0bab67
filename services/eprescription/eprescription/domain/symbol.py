"""The QR code (ISO/IEC 18004) of a text: as modules to draw on paper, as PNG for a screen."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import zxingcpp
from PIL import Image

# Repairs 15 % of the symbol: a fold or a stamp.
CORRECTION: Final = "M"
# Pixels a module on a screen; the quiet zone of four modules included.
MODULE: Final = 6


def modules(text: str) -> list[bytes]:
    """The rows of the symbol without quiet zone, a byte a module: 0 where it is dark."""
    image = zxingcpp.write_barcode_to_image(_symbol(text), scale=1, add_quiet_zones=False)
    drawn = Image.fromarray(image)
    pixels, width = drawn.tobytes(), drawn.width
    return [pixels[start : start + width] for start in range(0, len(pixels), width)]


def png(text: str) -> bytes:
    """The symbol with its quiet zone."""
    drawn = BytesIO()
    Image.fromarray(zxingcpp.write_barcode_to_image(_symbol(text), scale=MODULE)).save(drawn, "PNG")
    return drawn.getvalue()


def _symbol(text: str) -> zxingcpp.Barcode:
    return zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=CORRECTION)
