"""What every table shares."""

from __future__ import annotations

import sqlalchemy as sa

from chassis import schema

METADATA = schema.metadata()
MOMENT = sa.DateTime(timezone=True)
# Compared and sorted byte by byte: keys hold A to Z and spaces only, and prefixes must use the index.
KEY = sa.Text(collation="C")
