#!/usr/bin/env python3
"""Holds the engine's token ids of random strings against those of transformers' CLIPTokenizer.

    pip install -r tools/tokenizer-check/requirements.txt
    cargo build --locked --release --example tokenize
    tools/tokenizer-check/check.py TOKENIZER_DIR... [--strings N] [--seed N]

TOKENIZER_DIR is `tokenizer` or `tokenizer_2` of a diffusers folder. Exits with 1 where ids differ.

RESULT_LINE
"""
import argparse
import json
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

from transformers import CLIPTokenizer

TOKENIZE = Path(__file__).parents[2] / 'target/release/examples/tokenize'

WORDS = 'a photo of the cat portrait 4k masterpiece, best quality; watercolour BREAK supercalifragilistic'.split()
MARKS = list('!?.,;:()[]{}<>|/\\\'"`~@#$%^&*-_=+') + ['!!', '!!!', '...', '--', "'s", "'LL", "n't", "'Re"]
SPACES = [' ', '  ', '\t', '\n', '\r\n', '\x0b', '\x0c', '\x1c', '\x1f', '\x85', '\xa0', '\u1680', '\u2003', '\u2028', '\u3000', '\u200b', '\ufeff']
SPECIAL = ['<|startoftext|>', '<|endoftext|>', '<|STARTOFTEXT|>', '<|EndOfText|>', '<|endoftext|', '|endoftext|>', '<|pad|>', '</w>', 'a</w>', '<|startoftext|><|endoftext|>']
EMOJI = ['😀', '👍🏽', '👩‍👩‍👧‍👦', '🏳️‍🌈', '🇫🇷', '1️⃣', '☆', '❤️']
CASES = ['İ', 'ı', 'ẞ', 'ß', 'Σ', 'ΑΣ', 'ΑΣ.', 'ǅ', 'ﬁ', 'ﬀ', 'K', 'Å', 'Ω', 'ａＢ', 'Ⅷ', '①', '𝕱', 'ꙋ', 'Ა']
# NFC composes these, or reorders them, or leaves them alone on purpose.
COMPOSE = ['e\u0301', 'a\u0323\u0302', 'a\u0302\u0323', 'q\u0307\u0323', '\u1100\u1161\u11a8', '\uac00\u11a8', '\u0958', '\u2126', '\u212b', '\u0344', '\ufb1d', '\u0301', '\u0f73', '\U0001d15e']
# First code points and sizes of scripts, of controls, of unassigned and of private ones.
RANGES = [(0x00, 0x20), (0x7f, 0x21), (0x20, 0x5f), (0xa0, 0x60), (0x100, 0x150), (0x300, 0x70), (0x370, 0x90), (0x400, 0x100), (0x590, 0x70), (0x600, 0x100),
          (0x900, 0x80), (0xe00, 0x60), (0x1100, 0x100), (0x1e00, 0x200), (0x2000, 0x70), (0x2070, 0x30), (0x2100, 0x90), (0x2190, 0x400), (0x3040, 0xc0), (0x4e00, 0x5000),
          (0xac00, 0x2ba0), (0xe000, 0x100), (0xf900, 0x200), (0xfb00, 0x50), (0xfe00, 0x10), (0xff00, 0xf0), (0x10400, 0x50), (0x1d400, 0x400), (0x1f300, 0x500), (0x20000, 0x100), (0xe0000, 0x80), (0x10fff0, 0x10)]


def main():
    arguments = parse_arguments()
    strings = [random_string(random.Random(f'{arguments.seed}.{i}')) for i in range(arguments.strings)]
    failed = False
    for folder in arguments.tokenizers:
        theirs = CLIPTokenizer.from_pretrained(folder)(strings, add_special_tokens=False).input_ids
        differing = [triple for triple in zip(strings, theirs, tokenize(folder, strings)) if triple[1] != triple[2]]
        for string, expected, actual in differing[:20]:
            print(f'{json.dumps(string)}\n  transformers {expected}\n  sdxl-web     {actual}')
        tokens = sum(map(len, theirs))
        print(f'{folder}: {len(differing)} of {len(strings)} strings ({tokens} tokens) differ')
        failed |= bool(differing)
    sys.exit(failed)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('tokenizers', nargs='+', metavar='TOKENIZER_DIR')
    parser.add_argument('--strings', type=int, default=10_000)
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def tokenize(folder, strings):
    lines = ''.join(json.dumps(string) + '\n' for string in strings)
    done = subprocess.run([TOKENIZE, folder], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def random_string(source):
    kinds = source.sample([words, *([lambda s, of=of: s.choice(of) for of in (MARKS, SPACES, SPECIAL, EMOJI, CASES, COMPOSE)]), number, characters], source.randint(1, 8))
    return ''.join(source.choice(kinds)(source) for _ in range(source.randint(0, 30)))


def words(source):
    word = source.choice(WORDS)
    return source.choice([word, word, word.upper(), word.title()]) + source.choice(['', ' '])


def number(source):
    return source.choice(['{}', '{:.3f}', '{:x}', '{:e}']).format(source.randint(0, 99_999))


def characters(source):
    first, size = source.choice(RANGES)
    string = ''.join(chr(first + source.randrange(size)) for _ in range(source.randint(1, 6)))
    return unicodedata.normalize(source.choice(['NFC', 'NFD']), string) if source.random() < 0.3 else string


if __name__ == '__main__':
    main()
