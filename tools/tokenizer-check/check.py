#!/usr/bin/env python3
"""Holds the engine's token ids of random strings against those of transformers' CLIPTokenizer.

    pip install -r tools/tokenizer-check/requirements.txt
    cargo build --locked --release --example tokenize
    tools/tokenizer-check/check.py TOKENIZER_DIR... [--strings N] [--seed N]

TOKENIZER_DIR is `tokenizer` or `tokenizer_2` of a diffusers folder. Exits with 1 where ids differ.

Last run, on the reference set's two tokenizers (CLIP's real vocabulary): 0 of 110,000 strings differ for each.
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

# Pieces of random strings; code points are escaped where an editor would show them badly or change them.
WORDS = 'a photo of the cat portrait 4k masterpiece, best quality; watercolour supercalifragilistic'.split()
MARKS = list('!?.,;:()[]{}<>|/\\\'"`~@#$%^&*-_=+') + '!! !!! ... -- \'s \'LL n\'t \'Re'.split()
SPACES = [' ', '  ', '\r\n', *'\t\n\x0b\x0c\x1c\x1f\x85\xa0\u1680\u2003\u2028\u3000\u200b\ufeff']
SPECIAL = ('<|startoftext|> <|endoftext|> <|STARTOFTEXT|> <|EndOfText|> <|endoftext| |endoftext|> <|pad|> </w> a</w> '
           '<|startoftext|><|endoftext|>').split()
EMOJI = '😀 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷 1️⃣ ☆ ❤️'.split()
# Lower case or compatible forms of these are no single letter, another script's, or not what NFC makes of them.
CASES = [*'\u0130\u0131\u1e9e\u00df\u03a3\u01c5\ufb01\ufb00\u212a\u212b\u2126\uff41\u2167\u2460\U0001d571\ua64a\u1c90',
         '\u0391\u03a3', '\u0391\u03a3.']
# NFC composes these, or reorders them, or leaves them alone on purpose.
COMPOSE = ['e\u0301', 'a\u0323\u0302', 'a\u0302\u0323', 'q\u0307\u0323', '\u1100\u1161\u11a8', '\uac00\u11a8',
           *'\u0958\u2126\u212b\u0344\ufb1d\u0301\u0f73\U0001d15e']
# First code points and sizes of scripts, and of controls, variation selectors, tags, private and unassigned ones.
RANGES = [(0x00, 0x20), (0x20, 0x5f), (0x7f, 0x21), (0xa0, 0x60), (0x100, 0x150), (0x300, 0x70), (0x370, 0x90),
          (0x400, 0x100), (0x590, 0x70), (0x600, 0x100), (0x900, 0x80), (0xe00, 0x60), (0x1100, 0x100), (0x1e00, 0x200),
          (0x2000, 0x70), (0x2070, 0x30), (0x2100, 0x90), (0x2190, 0x400), (0x3040, 0xc0), (0x4e00, 0x5000),
          (0xac00, 0x2ba0), (0xe000, 0x100), (0xf900, 0x200), (0xfb00, 0x50), (0xfe00, 0x10), (0xff00, 0xf0),
          (0x10400, 0x50), (0x1d400, 0x400), (0x1f300, 0x500), (0x20000, 0x100), (0xe0000, 0x80), (0x10fff0, 0x10)]


def main():
    arguments = parse_arguments()
    strings = [random_string(random.Random(f'{arguments.seed}.{i}')) for i in range(arguments.strings)]
    failed = False
    for folder in arguments.tokenizers:
        theirs = CLIPTokenizer.from_pretrained(folder)(strings, add_special_tokens=False).input_ids
        ours = tokenize(folder, strings)
        differing = [three for three in zip(strings, theirs, ours, strict=True) if three[1] != three[2]]
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
    choices = [lambda source, of=of: source.choice(of) for of in (MARKS, SPACES, SPECIAL, EMOJI, CASES, COMPOSE)]
    kinds = [word, number, characters, *choices]
    kinds = source.sample(kinds, source.randint(1, len(kinds)))
    return ''.join(source.choice(kinds)(source) for _ in range(source.randint(0, 30)))


def word(source):
    case = source.choice([str, str, str.upper, str.title])
    return case(source.choice(WORDS)) + source.choice(['', ' '])


def number(source):
    return source.choice(['{}', '{:.3f}', '{:x}', '{:e}']).format(source.randint(0, 99_999))


def characters(source):
    first, size = source.choice(RANGES)
    string = ''.join(chr(first + source.randrange(size)) for _ in range(source.randint(1, 6)))
    return unicodedata.normalize(source.choice(['NFC', 'NFD']), string) if source.random() < 0.3 else string


if __name__ == '__main__':
    main()
