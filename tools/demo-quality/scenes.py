"""The vocabulary of the demo model's shape scenes: colours, sizes, shapes, and what a prompt asks for."""
import math
import re
from dataclasses import dataclass

import numpy as np

COLORS = {
    'red': (222, 38, 38),
    'orange': (250, 140, 25),
    'yellow': (252, 216, 45),
    'green': (38, 165, 70),
    'blue': (38, 90, 225),
    'purple': (130, 55, 180),
    'pink': (248, 130, 185),
    'brown': (122, 72, 42),
    'black': (24, 24, 24),
    'gray': (138, 138, 138),
}
BACKGROUNDS = {**COLORS, 'white': (255, 255, 255), 'cyan': (85, 215, 232)}
# Radius as a fraction of the picture's shorter side.
SIZES = {'small': 0.12, 'medium': 0.2, 'large': 0.31}
SHAPES = ['circle', 'square', 'triangle', 'star', 'heart', 'ring']
# Words of a prompt -> relation; the first that occurs counts.
RELATIONS = {
    'left of': 'left of',
    'right of': 'right of',
    'above': 'above',
    'below': 'below',
    'under': 'below',
    'inside': 'inside',
}

THING = re.compile(f'(?:({"|".join(SIZES)}) )?({"|".join(COLORS)}) ({"|".join(SHAPES)})')
BACKGROUND = re.compile(f'({"|".join(BACKGROUNDS)}) background')


@dataclass(frozen=True)
class Thing:
    size: str | None
    color: str
    shape: str


@dataclass(frozen=True)
class Scene:
    """What a prompt asks for; None where it leaves that open."""

    things: list[Thing]
    relation: str | None
    background: str | None

    @classmethod
    def of_prompt(cls, prompt):
        things = [Thing(size or None, color, shape) for size, color, shape in THING.findall(prompt)]
        relation = next((relation for words, relation in RELATIONS.items() if words in prompt), None)
        background = BACKGROUND.search(prompt)
        return cls(things, relation if len(things) > 1 else None, background[1] if background else None)


def signed_distances(x, y):
    """Of points (x right, y down) to the outlines of the unit shapes, negative inside: [shape, ...].

    Star and heart after Inigo Quilez, https://iquilezles.org/articles/distfunctions2d/
    """
    radius = length(x, y)
    circle = radius - 1
    square = np.maximum(np.abs(x), np.abs(y)) - 0.88
    # Corners at (0, -1) and (+-0.95, 0.7).
    triangle = np.maximum(y - 0.7, (np.abs(x) * 1.7 - (y + 1) * 0.95) / math.hypot(1.7, 0.95))
    ring = np.abs(radius - 0.76) - 0.24
    return np.stack([circle, square, triangle, star(x, y), heart(x, y), ring])


def star(x, y):
    """Five points, the first one up."""
    cos, sin = 0.809016994375, 0.587785252292  # of 36 degrees
    x, y = np.abs(x), -y
    for mirror_x in (cos, -cos):
        overshoot = 2 * np.maximum(mirror_x * x - sin * y, 0)
        x, y = x - overshoot * mirror_x, y + overshoot * sin
    tip, inner = 1.05, 0.45
    x, y = np.abs(x), y - tip
    edge_x, edge_y = inner * sin, inner * cos - 1
    along = np.clip((x * edge_x + y * edge_y) / (edge_x**2 + edge_y**2), 0, tip)
    return length(x - edge_x * along, y - edge_y * along) * np.sign(y * edge_x - x * edge_y)


def heart(x, y):
    scale, lift = 0.6, 0.58
    x, y = np.abs(x) * scale, lift - y * scale
    lobe = length(x - 0.25, y - 0.75) - math.sqrt(2) / 4
    along = 0.5 * np.maximum(x + y, 0)
    below = np.minimum(length(x, y - 1), length(x - along, y - along)) * np.sign(x - y)
    return np.where(x + y > 1, lobe, below) / scale


def length(x, y):
    return np.sqrt(x * x + y * y + 1e-12)
