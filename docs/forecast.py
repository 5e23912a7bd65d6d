"""The README's picture: the demo's, in 64 colours, which keeps the file small.

python docs/forecast.py
"""

import tempfile
from pathlib import Path

from PIL import Image

from grukit.cli import main

COLOURS = 64

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "forecast.png"
        main(["demo", "--output", str(drawn)])
        picture = Image.open(drawn).convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE)
        picture.save(Path(__file__).with_suffix(".png"), optimize=True)
