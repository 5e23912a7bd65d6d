"""What the arguments of ``python -m grukit`` may be: each function reads one, or raises what argparse tells."""

import argparse
import codecs
from pathlib import Path


def names(text: str) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def decimal(text: str) -> str:
    """A decimal point or comma."""
    if text not in (".", ","):
        raise argparse.ArgumentTypeError(f"it must be . or ,: {text!r}")
    return text


def separator(text: str) -> str:
    """One character, or a tab by its name."""
    text = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(text) != 1:
        raise argparse.ArgumentTypeError(f"it must be one character, or tab: {text!r}")
    return text


def encoding(text: str) -> str:
    """An encoding of text that Python knows, by Python's name for it."""
    try:
        "".encode(text)  # which those of bytes, such as zip, refuse
        return codecs.lookup(text).name
    except (LookupError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"there is no encoding of this name: {text!r}") from error


def count(text: str) -> int:
    """A positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"it must be a positive whole number: {text!r}")
    return int(text)


def whole(text: str) -> int:
    """A whole number, not negative."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"it must be a whole number, not negative: {text!r}")
    return int(text)


def share(text: str) -> float:
    """A number between 0 and 1."""
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"it must lie between 0 and 1: {text!r}")
    return number


def png(text: str) -> Path:
    """The path of a picture."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"the picture is a PNG, so its name must end in .png: {text!r}")
    return path


def seed(text: str) -> int:
    """A seed of NumPy's generators."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"the seed must be a whole number from 0 to 2**32 - 1: {text!r}")
    return int(text)
