"""One verdict, explained: the picture, the reference it came closest to, and where they differ.

For the operator only: what is shown here tells that an image is in the training set.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from memguard.calibration.calibrate import calibrated_detector
from memguard.detection.detector import Detector
from memguard.detection.verification import laid_over
from memguard.detection.views import seen_as
from memguard.index import Index
from memguard.index.open import open_index
from memguard.report.formatting import distance_text, threshold_text
from memguard.verdict import Match, Signal, Verdict
from memguard.vision.alignment import Alignment, align
from memguard.vision.decode import to_rgb
from memguard.vision.picture import Picture
from memguard.vision.pixel_distances import l2, masked_tiled_l2, match_tones, tile_l2

PANEL = 300
"""Edge, in pixels, of the square that each of the four pictures stands in."""
MARGIN = 20
HEAD = 122
"""Pixels above the panels: the label, and each panel's title and note."""
LINE = 21
WIDTH = 4 * PANEL + 5 * MARGIN
COLUMNS = (MARGIN, 290, 450, 620, 770, 910)
"""Left edges of the table's columns."""

FULL_SCALE = 0.5
"""The difference of levels in [0, 1] that is drawn brightest."""
FULL_COVER = 0.97
"""A query that covers this share of the reference needs no outline."""

INK, FAINT, PAPER, GROUND, FRAME = "#1c2126", "#5b6670", "#ffffff", "#e4e8ec", "#c3cad1"
OUTLINE = "#00a5b5"
COLOURS = {"memorized": "#b91c1c", "similar": "#8a5200", "uninformative": "#3d4751"}
CALM = "#17663a"
KEPT, MASKED = "#17663a", "#b91c1c"

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Comparison:
    """The query beside the reference that the verdict speaks of, both turned as they matched.

    Attributes:
        match: the reference, with its distances.
        query: the query, in the view that matched.
        reference: the reference's thumbnail.
        alignment: from the query onto the reference; None where no features agree, or where
            the two lie over each other better without it.
    """

    match: Match
    query: Picture
    reference: Picture
    alignment: Alignment | None

    @property
    def mirrored(self) -> bool:
        return self.match.view == "mirrored"

    @cached_property
    def tiles(self) -> NDArray[np.float32]:
        """The l2 of each of the 4 x 4 tiles, as the query matched."""
        return np.asarray(tile_l2(self._square, self.reference.square[None])[0])

    @cached_property
    def _square(self) -> NDArray[np.float32]:
        alignment = align(self.query.features, self.reference.features)
        return laid_over(self.query, self.reference, alignment)

    @property
    def toned_rms(self) -> float:
        """The l2 once brightness, contrast and colours are matched."""
        toned = match_tones(self._square, self.reference.square[None])
        return float(l2(self._square, toned)[0])

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """The tiles that ``masked_tiled_l2`` compared, bool (4, 4), as the query matched."""
        return np.asarray(masked_tiled_l2(self._square, self.reference.square[None])[1][0])

    @cached_property
    def placement(self) -> NDArray[np.float64]:
        """Maps pixels of the query to pixels of the reference, float64 (2, 3)."""
        height, width = self.reference.pixels.shape[:2]
        tall, wide = self.query.pixels.shape[:2]
        if self.alignment is None:
            return np.array([[width / wide, 0, 0], [0, height / tall, 0]], dtype=np.float64)
        longer, own = max(height, width), max(tall, wide)
        scale = np.array([longer / own, longer / own, longer])
        return np.asarray(self.alignment.transform * scale, dtype=np.float64)

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """Where the query covers the reference, bool (h, w)."""
        full = np.full(self.query.pixels.shape[:2], 255, dtype=np.uint8)
        return np.asarray(self._warped(full) > 250)

    @cached_property
    def difference(self) -> NDArray[np.float32]:
        """The root mean square over channels of what differs, levels in [0, 1], float32 (h, w)."""
        laid = self._warped(self.query.pixels).astype(np.float32)
        squares = np.square((laid - self.reference.pixels) / 255).mean(axis=2)
        return np.asarray(np.sqrt(squares) * self.seen, dtype=np.float32)

    @property
    def rms(self) -> float:
        """The root mean square difference where the query covers the reference."""
        count = max(int(self.seen.sum()), 1)
        return float(np.sqrt(np.square(self.difference).sum() / count))

    def _warped(self, pixels: Pixels) -> Pixels:
        height, width = self.reference.pixels.shape[:2]
        matrix = self.placement.copy()
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
        return np.asarray(cv2.warpAffine(pixels, matrix, (width, height)), dtype=np.uint8)


@dataclass(frozen=True)
class Explanation:
    """A verdict with what a reviewer needs to defend or to overrule it.

    Attributes:
        image: the query, RGB.
        verdict: as a guard of the same index gives it.
        comparison: with the reference that the verdict's ``why`` names; None where there is none.
    """

    image: Image.Image
    verdict: Verdict
    comparison: Comparison | None

    def to_json(self) -> dict[str, Any]:
        """The verdict's JSON, with the comparison's alignment, tiles and mask."""
        data = self.verdict.to_json()
        if (comparison := self.comparison) is None:
            return {**data, "comparison": None}
        alignment = comparison.alignment
        data["comparison"] = {
            "id": comparison.match.id,
            "uri": comparison.match.uri,
            "view": comparison.match.view,
            "distances": comparison.match.distances,
            "inliers": alignment and alignment.inliers,
            "transform": alignment and alignment.transform.tolist(),
            "rms_where_seen": comparison.rms,
            "seen": float(comparison.seen.mean()),
            "tile_l2": comparison.tiles.tolist(),
            "mask": comparison.mask.tolist(),
        }
        return data

    def draw(self) -> Image.Image:
        """Query, reference, difference and mask side by side, and every signal below."""
        return _draw(self)


def explain(
    image: Image.Image,
    index: Index | Detector | str | os.PathLike[str],
    *,
    thorough: bool = False,
    clip_weights: str | None = None,
    sscd_weights: str | None = None,
) -> Explanation:
    """Check an image, and keep what the verdict rests on.

    Args:
        image: any Pillow image.
        index: an index, its path, or a detector on one (whose own settings then apply).
        thorough, clip_weights, sscd_weights: see :class:`memguard.Guard`.

    Raises:
        IndexUnavailableError, WeightsError, CalibrationError: see :class:`memguard.Guard`.
    """
    if isinstance(index, Detector):
        detector = index
    else:
        detector = calibrated_detector(
            index if isinstance(index, Index) else open_index(index),
            thorough=thorough,
            clip_weights=clip_weights,
            sscd_weights=sscd_weights,
        )
    picture = Picture(image)
    if picture.is_blank:
        return Explanation(picture.image, detector.detect([image])[0], None)
    matches = detector.find_matches([picture])[0]
    verdict = detector.decide(matches)
    comparison = _compare(picture, matches[0] if matches else None, detector.index)
    return Explanation(to_rgb(image), verdict, comparison)


def _compare(picture: Picture, match: Match | None, index: Index) -> Comparison | None:
    record = None if match is None else index.find(match.id)
    if match is None or record is None:
        return None
    query = seen_as(picture, match.view) or picture
    reference = record.picture()
    helps = match.distances["aligned_structure"] < match.distances["structure"]
    alignment = align(query.features, reference.features) if helps else None
    return Comparison(match, query, reference, alignment)


def _draw(explanation: Explanation) -> Image.Image:
    verdict, comparison = explanation.verdict, explanation.comparison
    lines = _text(explanation)
    rows = [*verdict.signals] if comparison else []
    below = len(lines) * LINE + (len(rows) + 3) * LINE * bool(rows) + MARGIN
    canvas = Image.new("RGB", (WIDTH, HEAD + PANEL + 2 * MARGIN + below), PAPER)
    draw = ImageDraw.Draw(canvas)
    colour = COLOURS.get(verdict.label, CALM)
    draw.rectangle((0, 0, WIDTH, 8), fill=colour)
    draw.text((MARGIN, 22), verdict.label.upper(), fill=colour, font=_font(26))
    for column, (title, note, panel) in enumerate(_panels(explanation)):
        left = MARGIN + column * (PANEL + MARGIN)
        draw.text((left, 70), title, fill=INK, font=_font(17))
        draw.text((left, 95), _cut(note, PANEL, 13), fill=FAINT, font=_font(13))
        draw.rectangle((left - 1, HEAD - 1, left + PANEL, HEAD + PANEL), fill=GROUND, outline=FRAME)
        corner = (left + (PANEL - panel.width) // 2, HEAD + (PANEL - panel.height) // 2)
        canvas.paste(panel, corner)
    top = HEAD + PANEL + 8
    if comparison is not None:
        scale = f"black: equal; brightest: {FULL_SCALE:g} of 1 or more apart"
        draw.text((MARGIN + 2 * (PANEL + MARGIN), top), scale, fill=FAINT, font=_font(12))
    top += LINE
    for text, size, ink in lines:
        draw.text((MARGIN, top), text, fill=ink, font=_font(size))
        top += LINE
    if comparison is not None and rows:
        _table(draw, top + 10, rows, comparison.match)
    return canvas


def _panels(explanation: Explanation) -> list[tuple[str, str, Image.Image]]:
    """Title, note and picture of each panel."""
    comparison = explanation.comparison
    query = ("query", f"{explanation.image.width} x {explanation.image.height} px")
    if comparison is None:
        return [(*query, _fit(explanation.image))]
    mirrored = comparison.mirrored
    reference = Image.fromarray(_upright(comparison.reference.pixels, mirrored))
    covered = float(comparison.seen.mean())
    shown, kept = _fit(reference), "as the index keeps it"
    if comparison.alignment is not None and covered < FULL_COVER:
        kept = "outlined: the part that the query shows"
        _outline(shown, comparison)
    title = "closest reference" + (", mirrored" if mirrored else "")
    if comparison.alignment is None:
        note = "no alignment: both stretched to one frame"
    else:
        note = f"aligned by {comparison.alignment.inliers} points; {covered:.0%} is seen"
    worst = comparison.match.distances["masked_tiled_l2"]
    return [
        (*query, _fit(explanation.image)),
        (title, kept, shown),
        (
            f"rms {comparison.rms:.3f}; with tones matched {comparison.toned_rms:.3f}",
            note,
            _fit(_heat(comparison)),
        ),
        (
            f"masked_tiled_l2 {worst:.3f}",
            "l2 of each tile; crossed out: the 4 it leaves out",
            _tiles(comparison),
        ),
    ]


def _heat(comparison: Comparison) -> Image.Image:
    """Black where equal, through red to white; grey where the query shows nothing."""
    levels = np.clip(comparison.difference / FULL_SCALE, 0, 1)
    heat = cv2.applyColorMap((levels * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    heat = np.where(comparison.seen[..., None], heat, np.uint8(200))
    return Image.fromarray(_upright(heat.astype(np.uint8), comparison.mirrored))


def _outline(shown: Image.Image, comparison: Comparison) -> None:
    """Draw the query's frame on the fitted reference."""
    tall, wide = comparison.query.pixels.shape[:2]
    height, width = comparison.reference.pixels.shape[:2]
    corners = np.array([[0, 0, 1], [wide, 0, 1], [wide, tall, 1], [0, tall, 1]], dtype=np.float64)
    points = corners @ comparison.placement.T
    if comparison.mirrored:
        points[:, 0] = width - points[:, 0]
    points *= np.array([shown.width / width, shown.height / height])
    path = [(float(x), float(y)) for x, y in (*points, points[0])]
    ImageDraw.Draw(shown).line(path, fill=OUTLINE, width=4, joint="curve")


def _tiles(comparison: Comparison) -> Image.Image:
    """The query in the reference's frame under the mask: tiles left out are pale and crossed."""
    width, height = _fitted(comparison.reference.image.size)
    pixels = _upright(comparison.query.pixels, comparison.mirrored)
    panel = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
    tiles = comparison.tiles[:, ::-1] if comparison.mirrored else comparison.tiles
    mask = comparison.mask[:, ::-1] if comparison.mirrored else comparison.mask
    draw = ImageDraw.Draw(panel, "RGBA")
    for row, column in np.ndindex(mask.shape):
        box = (
            column * width // 4 + 1,
            row * height // 4 + 1,
            (column + 1) * width // 4 - 2,
            (row + 1) * height // 4 - 2,
        )
        if mask[row, column]:
            draw.rectangle(box, outline=KEPT, width=2)
        else:
            draw.rectangle(box, fill=(255, 255, 255, 150), outline=MASKED, width=2)
            draw.line((box[0], box[1], box[2], box[3]), fill=MASKED, width=2)
            draw.line((box[0], box[3], box[2], box[1]), fill=MASKED, width=2)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        draw.text(
            middle,
            f"{tiles[row, column]:.2f}",
            fill=INK,
            font=_font(13),
            anchor="mm",
            stroke_width=2,
            stroke_fill=PAPER,
        )
    return panel


def _text(explanation: Explanation) -> list[tuple[str, int, str]]:
    """The lines above the table, each with its size and colour."""
    lines = [(line, 16, INK) for line in _wrapped(explanation.verdict.why, 16)]
    comparison = explanation.comparison
    if comparison is None:
        return lines
    match = comparison.match
    files = "1 file" if match.exact_duplicates == 1 else f"{match.exact_duplicates} files"
    about = f"{match.uri}: in {files} of the training set"
    if match.caption:
        about += f", captioned: {match.caption}"
    return lines + [(line, 14, FAINT) for line in _wrapped(about, 14)]


def _table(draw: ImageDraw.ImageDraw, top: int, signals: Sequence[Signal], match: Match) -> None:
    heads = ("signal", "closest distance", "flag at or below", "block at or below", "label", "")
    for left, head in zip(COLUMNS, heads):
        draw.text((left, top), head, fill=FAINT, font=_font(14))
    draw.line((MARGIN, top + LINE, WIDTH - MARGIN, top + LINE), fill="#8d99a6")
    top += 5
    for signal in signals:
        top += LINE
        colour = COLOURS.get(signal.label, INK)
        here = match.distances[signal.name]
        other = (
            ""
            if here == signal.distance
            else f"{distance_text(signal.name, here)} to the reference shown"
        )
        cells = (
            signal.name,
            distance_text(signal.name, signal.distance),
            threshold_text(signal.name, signal.similar),
            threshold_text(signal.name, signal.memorized),
            signal.label,
            other,
        )
        for left, cell in zip(COLUMNS, cells):
            ink = FAINT if left == COLUMNS[-1] else colour
            draw.text((left, top), cell, fill=ink, font=_font(15))
    deciding = {signal.name for signal in signals}
    rest = ", ".join(
        f"{name} {distance_text(name, distance)}"
        for name, distance in match.distances.items()
        if name not in deciding
    )
    text = f"Measured on the reference shown, decides nothing: {rest}"
    draw.text((MARGIN, top + LINE + 8), _cut(text, WIDTH - 2 * MARGIN, 13), FAINT, _font(13))


def _upright(pixels: Pixels, mirrored: bool) -> Pixels:
    """Turned back to how the query lies."""
    return np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels


def _fitted(size: tuple[int, int]) -> tuple[int, int]:
    scale = PANEL / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _fit(image: Image.Image) -> Image.Image:
    return image.resize(_fitted(image.size), Image.Resampling.LANCZOS)


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _wrapped(text: str, size: int) -> list[str]:
    """Lines that fit the picture; long paths are broken where they must be."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if _width(joined, size) <= WIDTH - 2 * MARGIN:
            lines[-1] = joined
            continue
        lines.append("")
        for letter in word:
            if _width(lines[-1] + letter, size) > WIDTH - 2 * MARGIN:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]


def _cut(text: str, width: int, size: int) -> str:
    while _width(text, size) > width:
        text = text.removesuffix("...")[:-1] + "..."
    return text


def _width(text: str, size: int) -> float:
    return float(_font(size).getlength(text))
