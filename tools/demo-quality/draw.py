"""Draws pictures with the native `generate`, with the settings of the demo model's published figures."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
# `cargo build --locked --release --bins` puts them there.
BINARIES = REPOSITORY / 'target/release'
PACKED_DEMO = REPOSITORY / 'www/models/demo'

SETTINGS = ['--steps', '30', '--guidance-scale', '4', '--width', '256', '--height', '256']
REFINED = ['--refine-at', '0.8']


def draw(generate, model, prompts_and_seeds, folder, refined=False):
    """Draws into `folder`, one picture a processor; returns the paths in the order of `prompts_and_seeds`."""
    folder.mkdir(parents=True, exist_ok=True)
    done = 0

    def one(numbered):
        nonlocal done
        index, (prompt, seed) = numbered
        path = folder / f'{index:03}.png'
        run([generate, model, prompt, '--seed', seed, '--output', path, *SETTINGS, *(REFINED if refined else [])])
        done += 1
        print(f'\r{folder.name}: {done} of {len(prompts_and_seeds)}', end='', file=sys.stderr)
        return path

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        paths = list(threads.map(one, enumerate(prompts_and_seeds)))
    print(file=sys.stderr)
    return paths


def run(command):
    """Runs one of the native tools, silently unless it fails."""
    command = [str(part) for part in command]
    if not Path(command[0]).is_file():
        sys.exit(f'{command[0]} is not there: cargo build --locked --release --bins')
    outcome = subprocess.run(command, capture_output=True, text=True)
    if outcome.returncode != 0:
        sys.exit(f'{" ".join(command)} failed:\n{outcome.stderr}')


def pixels(path):
    """uint8 [height, width, 3]"""
    return np.asarray(Image.open(path).convert('RGB'))
