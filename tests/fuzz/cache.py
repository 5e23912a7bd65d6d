"""A cache of compiled kernels in which files are damaged, gone, in the way, or filled by many processes at once.

    python tests/fuzz/cache.py [rounds] [seed]

Each round damages a random half of the files of a warm cache, or all, or lets no file be written, and lets several processes
fit at once. All must come to the bits of the first, with no output on standard error but one warning where nothing could be
written; and a process after them must find every kernel.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import grukit

PLACE = Path(grukit.__file__).parents[1]
CODE = f"""
import hashlib, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import numpy as np
from plain import PLAIN
from grukit import GRURegressor
from grukit.engines import select_engine
X = np.random.default_rng(0).normal(size=(60, 2))
model = GRURegressor(**PLAIN, hidden_layer_sizes=4, window=5, max_iter=2, random_state=0).fit(X, X[:, 0])
kernels = select_engine("cpu").kernels
misses = [sum(getattr(kernels, name).stats.cache_misses.values()) for name in ("train_batches", "pack_network")]
print(hashlib.sha256(model.predict(X).tobytes()).hexdigest(), sum(misses))
"""


def flip(path, rng):
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def in_the_way(path, rng):
    path.unlink()
    path.mkdir()


DAMAGE = {
    "cut off": lambda path, rng: os.truncate(path, rng.randrange(path.stat().st_size)),
    "a bit flipped": flip,
    "zeros": lambda path, rng: path.write_bytes(bytes(path.stat().st_size)),
    "garbage": lambda path, rng: path.write_bytes(rng.randbytes(rng.randrange(5000))),
    "of another kernel": lambda path, rng: shutil.copy(
        rng.choice([other for other in sorted(path.parents[1].rglob("*.nbc")) if other != path]), path
    ),
    "gone": lambda path, rng: path.unlink(),
    "a folder in the way": in_the_way,
    "a link to nothing": lambda path, rng: (path.unlink(), path.symlink_to("nothing")),
}


def start(folder, full=False):
    """A process that fits, with a cache in a folder and nowhere else."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(PLACE)}
    limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))) if full else None
    return subprocess.Popen(
        [sys.executable, "-W", "default::RuntimeWarning", "-c", CODE],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limit,
    )  # fmt: skip


def run(rounds, seed=0):
    """How many processes came to the right bits, by what was wrong with the cache, and kernels that they compiled."""
    rng, right, compiled = random.Random(seed), Counter(), 0
    with tempfile.TemporaryDirectory() as root:
        warm = Path(root) / "warm"
        bits, _ = start(warm).communicate()[0].split()
        for i in range(rounds):
            folder, kind = Path(root) / str(i), [*DAMAGE, "a full disk"][(i + seed) % (len(DAMAGE) + 1)]
            shutil.copytree(warm, folder)
            files, full = sorted(folder.rglob("*.nbc")), kind == "a full disk"
            for path in rng.sample(files, len(files) if rng.random() < 0.5 else (len(files) + 1) // 2):
                DAMAGE["gone" if full else kind](path, rng)
            for process in [start(folder, full) for _ in range(rng.choice([1, 2]))]:
                output, errors = process.communicate()
                assert process.returncode == 0, (kind, errors)
                assert output.split()[0] == bits, kind
                told = errors.count("No folder for compiled kernels can be written")
                assert told == (full or (kind == "a folder in the way" and told)), (kind, errors)
                assert errors.count("Warning") == told, errors
                right[kind] += 1
                compiled += int(output.split()[1])
            if not full and kind != "a folder in the way":
                assert start(folder).communicate()[0].split() == [bits, "0"]
            shutil.rmtree(folder)
    return right, compiled


def main():
    """Print counts."""
    rounds, seed = (int(each) for each in [*sys.argv[1:], "27", "0"][:2])
    right, compiled = run(rounds, seed)
    print(f"{rounds} damaged caches, {sum(right.values())} processes with the right bits: {dict(right)}")
    print(f"they compiled {compiled} kernels anew")


if __name__ == "__main__":
    sys.exit(main())
