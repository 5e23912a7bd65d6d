"""The fields of records, and whether values are of their types."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin


def names_of(record: Any) -> tuple[str, ...]:
    """Names of the fields of a dataclass or a named tuple."""
    return tuple(field.name for field in fields(record)) if is_dataclass(record) else record._fields


def later_of(record: Any) -> set[str]:
    """Names of the fields that a record may lack where it was written before there were these: they have defaults."""
    if is_dataclass(record):
        return {field.name for field in fields(record) if field.default is not MISSING}
    return set(record._field_defaults)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type of a field."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        return True
    if origin in (Union, UnionType):
        return any(fits(value, part) for part in parts)
    if origin is tuple:
        each = parts[:1] * len(value) if isinstance(value, tuple) and parts[1:] == (...,) else parts
        return isinstance(value, tuple) and len(each) == len(value) and all(map(fits, value, each))
    if origin is list:
        return isinstance(value, list) and all(fits(each, parts[0]) for each in value)
    if origin in (dict, Mapping):
        return isinstance(value, dict) and all(fits(k, parts[0]) and fits(v, parts[1]) for k, v in value.items())
    if hint is float:
        return type(value) in (int, float)
    return type(value) is int if hint is int else isinstance(value, NoneType if hint is None else hint)
