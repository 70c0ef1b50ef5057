"""Judges whether a picture of a shape prompt shows what the prompt asks for, without learned parts.

Colours are the nearest named ones in CIE Lab; shapes are compared with the six outlines by overlap.
"""
import math
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from scenes import BACKGROUNDS, COLORS, SHAPES, SIZES, Scene, signed_distances

COLOR_NAMES, BACKGROUND_NAMES = list(COLORS), list(BACKGROUNDS)
# Lab distance from the background at which a pixel belongs to an object.
FOREGROUND = 14
# Fewer pixels than this are no object.
SPECK = 12
# Overlap (intersection over union) with an outline above which a blob has that shape.
LIKENESS = 0.7
# Side of the square that blobs are scaled to before they are compared.
OUTLINE_SIDE = 48
# A shape may be turned this far, in radians.
TURNS = (-0.08, 0.0, 0.08)
# Fractions of the side: centres further apart than this are beside each other; nearer than that, inside.
APART, TOGETHER = 0.1, 0.12


@dataclass
class Verdict:
    """One entry for each thing that the prompt asks for; None where it leaves the matter open."""

    background: bool | None = None
    relation: bool | None = None
    colors: list[bool] = field(default_factory=list)
    shapes: list[bool] = field(default_factory=list)
    sizes: list[bool] = field(default_factory=list)
    saw: list[str] = field(default_factory=list)

    @property
    def things(self):
        """The right colours and shapes on the right background, wherever they are; size is reported but does not count.

        The model's training script calls this "everything": it means to count relations too, but asks whether numpy's
        False `is not False`, which is always so.
        """
        return all(self.colors) and all(self.shapes) and self.background is not False

    @property
    def everything(self):
        return self.things and self.relation is not False


@dataclass
class Blob:
    """What is seen in one colour: its pixels, the middle and half the longer side of their box as fractions."""

    color: str
    mask: np.ndarray
    x: float
    y: float
    half: float


def judge(picture, prompt):
    """uint8 [height, width, 3] and its prompt -> Verdict"""
    scene = Scene.of_prompt(prompt)
    background, blobs = look(picture, len(scene.things))
    verdict = Verdict()
    if scene.background:
        verdict.background = background == scene.background
    matches = []
    for index, thing in enumerate(scene.things):
        blob = next((blob for blob in blobs if blob.color == thing.color), None)
        verdict.colors.append(blob is not None)
        if blob is None:
            # Wrong colour: the shape is judged on what nothing else in the prompt claims.
            claimed = [other.color for other in scene.things]
            blob = next((blob for blob in blobs if blob.color not in claimed), None)
        matches.append(blob)
        if blob is None:
            verdict.shapes.append(False)
            verdict.sizes.append(False)
            verdict.saw.append('nothing')
            continue
        holds_the_other = scene.relation == 'inside' and index == 1
        shape, likeness = shape_of(fill(blob.mask) if holds_the_other else blob.mask)
        verdict.shapes.append(shape == thing.shape)
        verdict.saw.append(f'{blob.color} {shape} {likeness:.2f}')
        if thing.size and scene.relation != 'inside':
            verdict.sizes.append(size_of(blob) == thing.size)
    if scene.relation:
        verdict.relation = related(scene.relation, *matches)
    return verdict


def look(picture, count):
    """-> the background's name and at most `count` blobs, the most visible colour first."""
    background = border_color(picture)
    colors, background = lab(picture), lab(background)
    name = BACKGROUND_NAMES[nearest(background, BACKGROUNDS)]
    foreground = shrink(np.sqrt(np.square(colors - background).sum(-1)) > FOREGROUND)
    color_of = nearest(colors, COLORS)
    cores = [shrink(foreground & (color_of == index)) for index in range(len(COLOR_NAMES))]
    visible = sorted(((int(core.sum()), index) for index, core in enumerate(cores)), reverse=True)
    return name, [
        blob(COLOR_NAMES[index], grow(cores[index], 2) & grow(foreground))
        for pixels, index in visible[:count]
        if pixels >= SPECK
    ]


def border_color(picture):
    picture = picture.astype(np.float64)
    width = max(2, picture.shape[0] // 40)
    sides = picture[:width], picture[-width:], picture[:, :width], picture[:, -width:]
    return np.median(np.concatenate([side.reshape(-1, 3) for side in sides]), 0)


def blob(color, mask):
    rows, columns = np.nonzero(mask)
    return Blob(
        color,
        mask,
        x=(columns.min() + columns.max()) / 2 / mask.shape[1],
        y=(rows.min() + rows.max()) / 2 / mask.shape[0],
        half=max(np.ptp(rows), np.ptp(columns)) / 2 / min(mask.shape),
    )


def shape_of(mask):
    """-> the shape's name, None where the mask is like no shape, and the overlap with the likest"""
    outline = normalize(mask)
    if outline is None:
        return None, 0.0
    likeness, shape = max(((outline & other).sum() / max(1, (outline | other).sum()), name) for name, other in OUTLINES)
    return shape if likeness > LIKENESS else None, likeness


def size_of(blob):
    return min(SIZES, key=lambda size: abs(np.log(max(blob.half, 1e-3) / SIZES[size])))


def related(relation, first, second):
    if first is None or second is None or first is second:
        return False
    x, y = first.x - second.x, first.y - second.y
    return bool({
        'left of': x < -APART,
        'right of': x > APART,
        'above': y < -APART,
        'below': y > APART,
        'inside': abs(x) < TOGETHER and abs(y) < TOGETHER and first.half < second.half,
    }[relation])


def normalize(mask):
    """The mask's box, scaled to OUTLINE_SIDE; None for a speck."""
    rows, columns = np.nonzero(mask)
    if len(rows) < SPECK:
        return None
    box = mask[rows.min():rows.max() + 1, columns.min():columns.max() + 1].astype(np.float32)
    scaled = Image.fromarray(box).resize((OUTLINE_SIDE, OUTLINE_SIDE), Image.Resampling.BILINEAR)
    return np.asarray(scaled) > 0.5


def outlines():
    side = 160
    line = (np.arange(side, dtype=np.float32) + 0.5) / side * 3 - 1.5
    y, x = np.meshgrid(line, line, indexing='ij')
    for turn in TURNS:
        cos, sin = math.cos(turn), math.sin(turn)
        inside = signed_distances(x * cos - y * sin, x * sin + y * cos) < 0
        yield from ((shape, normalize(mask)) for shape, mask in zip(SHAPES, inside))


def shrink(mask, by=1):
    padded = np.pad(mask, by, mode='edge')
    window = 2 * by + 1
    return np.lib.stride_tricks.sliding_window_view(padded, (window, window)).all((-2, -1))


def grow(mask, by=1):
    return ~shrink(~mask, by)


def fill(mask):
    """Fills the holes: whatever cannot be reached from the border."""
    outside = np.zeros_like(mask)
    outside[0], outside[-1], outside[:, 0], outside[:, -1] = ~mask[0], ~mask[-1], ~mask[:, 0], ~mask[:, -1]
    while True:
        padded = np.pad(outside, 1)
        beside = padded[2:, 1:-1] | padded[:-2, 1:-1] | padded[1:-1, 2:] | padded[1:-1, :-2]
        wider = (outside | beside) & ~mask
        if (wider == outside).all():
            return ~outside
        outside = wider


def lab(rgb):
    """sRGB (0 to 255) -> CIE Lab, D65"""
    rgb = np.asarray(rgb, np.float64) / 255
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    to_xyz = np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    white = np.array([0.9505, 1, 1.089])
    xyz = linear @ to_xyz / white
    curve = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(curve, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def nearest(colors, palette):
    """Index into `palette` of the named colour nearest to each of `colors`, all in Lab."""
    named = lab(list(palette.values()))
    return np.square(colors[..., None, :] - named).sum(-1).argmin(-1)


OUTLINES = list(outlines())
