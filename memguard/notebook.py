"""HTML of results in a notebook: a title, rows of a table, pictures; no script, no outside file."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

PICTURE_PX = 160
"""Height of a picture."""

PNG = b"\x89PNG"

CELL = "text-align:left;vertical-align:top;padding:1px 14px 1px 0"


def card(
    title: str, rows: Mapping[str, object], pictures: Mapping[str, bytes] | None = None
) -> str:
    """A small block of HTML in the colours of the notebook.

    Args:
        title: its first line.
        rows: heading to value; both may hold any text.
        pictures: caption to an encoded PNG or JPEG.
    """
    figures = "".join(
        f'<figure style="display:inline-block;margin:6px 14px 6px 0"><img alt="{escape(caption)}" '
        f'src="{_data_uri(data)}" style="height:{PICTURE_PX}px">'
        f'<figcaption style="opacity:.7">{escape(caption)}</figcaption></figure>'
        for caption, data in (pictures or {}).items()
    )
    lines = "".join(
        f'<tr><th style="{CELL};font-weight:normal;opacity:.7">{escape(heading)}</th>'
        f'<td style="{CELL}">{escape(str(value))}</td></tr>'
        for heading, value in rows.items()
    )
    return (
        f'<div class="memguard"><strong>{escape(title)}</strong><div>{figures}</div>'
        f"<table>{lines}</table></div>"
    )


def _data_uri(data: bytes) -> str:
    kind = "png" if data.startswith(PNG) else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
