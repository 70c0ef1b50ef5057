#!/usr/bin/env python3
"""Holds the engine's pictures of the demo model against those that diffusers drew from the same checkpoint in f32.

    pip install -r tools/demo-quality/requirements.txt
    cargo build --locked --release --bins
    tools/demo-quality/check.py CHECKPOINT_DIR [--packed DIR] [--generate BIN] [--pack BIN] [--prompts N]
        [--pictures DIR]

CHECKPOINT_DIR holds `base`, `refiner` (diffusers folders, f16) and `expected` (prompts.json, NNN-base.png,
NNN-refined.png). "Exact" pictures come from the checkpoint packed as f16, which loses nothing, and f32 arithmetic;
"packed" ones from the model that the repository ships. Exits with 1 where an exact picture misses the bar.
"""
import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from draw import BINARIES, PACKED_DEMO, draw, pixels, run

# Mean absolute error that an exact picture stays under, in levels of 255.
BAR = 2.0
WHITE = 255.0


def main():
    arguments = parse_arguments()
    checkpoint = arguments.checkpoint
    expected = json.loads((checkpoint / 'expected/prompts.json').read_text())[:arguments.prompts]
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        exact = pack_exactly(arguments.pack, checkpoint, Path(temporary) / 'model')
        pictures = arguments.pictures or Path(temporary)
        for kind in ('base', 'refined'):
            names = [f'{entry["file"]}-{kind}' for entry in expected]
            references = [checkpoint / f'expected/{name}.png' for name in names]
            drawn = [
                draw(
                    arguments.generate,
                    model,
                    [(entry['prompt'], entry['seed']) for entry in expected],
                    pictures / f'{title}-{kind}',
                    refined=kind == 'refined',
                )
                for title, model in (('exact', exact), ('packed', arguments.packed))
            ]
            rows += [compare(*row) for row in zip(names, references, *drawn)]
    report(rows)
    misses = [name for name, error, _, _ in rows if not error < BAR]
    if misses:
        sys.exit(f'mean error of {BAR} levels or more: {", ".join(misses)}')


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', type=Path, metavar='CHECKPOINT_DIR')
    parser.add_argument('--packed', type=Path, default=PACKED_DEMO, metavar='DIR')
    parser.add_argument('--generate', type=Path, default=BINARIES / 'generate', metavar='BIN')
    parser.add_argument('--pack', type=Path, default=BINARIES / 'pack', metavar='BIN')
    parser.add_argument('--prompts', type=int, metavar='N', help='only the first N [default: all]')
    parser.add_argument('--pictures', type=Path, metavar='DIR', help='keep what was drawn there')
    return parser.parse_args()


def pack_exactly(pack, checkpoint, folder):
    for part in ('base', 'refiner'):
        (folder / part).mkdir(parents=True)
        run([pack, '--weights', 'f16', checkpoint / part, folder / part])
    return folder


def compare(name, reference, exact, packed):
    reference, exact, packed = (pixels(path).astype(np.float64) for path in (reference, exact, packed))
    return name, np.abs(exact - reference).mean(), psnr(exact, reference), psnr(packed, reference)


def psnr(picture, reference):
    with np.errstate(divide='ignore'):
        return 10 * np.log10(WHITE**2 / np.square(picture - reference).mean())


def report(rows):
    print(f'{"picture":<14}{"mean error":>12}{"PSNR":>10}{"PSNR packed":>14}')
    for name, error, exact, packed in rows:
        print(f'{name:<14}{error:>12.4f}{exact:>7.2f} dB{packed:>11.2f} dB')
    _, errors, exact, packed = zip(*rows)
    print(f'{"worst":<14}{max(errors):>12.4f}{min(exact):>7.2f} dB{min(packed):>11.2f} dB')
    print(f'{"median":<14}{np.median(errors):>12.4f}{np.median(exact):>7.2f} dB{np.median(packed):>11.2f} dB')


if __name__ == '__main__':
    main()
