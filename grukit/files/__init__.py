"""Files that hold a document and arrays, and nothing that is executed: read with checks, written whole or not at all."""

from grukit.files.tensors import parse, read_tensors, write_tensors
from grukit.files.values import Codec
from grukit.files.writing import check_replaceable, path_of, replaced

__all__ = ["Codec", "check_replaceable", "parse", "path_of", "read_tensors", "replaced", "write_tensors"]
