"""Parameters declared once: a class's fields say name, type, default, allowed values and text, and all else follows.

From ``window: Annotated[int | None, Parameter(COUNT, None, text="...")] = 32`` come the constructor, scikit-learn's
``_parameter_constraints`` and the entry in the class's numpydoc section "Parameters".
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, fields
from numbers import Integral
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

WIDTH = 120
Estimator = TypeVar("Estimator", bound=type)


class Choice(StrOptions):
    """One of several strings, documented in the order given."""

    def __init__(self, *options: str):
        super().__init__(set(options))
        self.ordered = options


class Number(Interval):
    """A number in an interval; True and False, which Python counts among the integers, are none."""

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether ``val`` is one."""
        return not isinstance(val, bool | np.bool_) and bool(super().is_satisfied_by(val))


class Parameter:
    """What a parameter may be and what it means; metadata of a field.

    Parameters
    ----------
    *allowed
        scikit-learn's constraints, of which one must hold.
    text : str
        Its meaning, for the docstring; white space is folded.
    kind : str, default=None
        Its type in the docstring. None: as the constraints tell.
    """

    def __init__(self, *allowed: Any, text: str, kind: str | None = None):
        self.allowed, self.text = list(allowed), " ".join(text.split())
        self.kind = kind or " or ".join(map(_kind_of, allowed))


def _kind_of(constraint: Any) -> str:
    """The type that a constraint allows, as docstrings write it."""
    if isinstance(constraint, Choice):
        options = ", ".join(f'"{option}"' for option in constraint.ordered)
        return f"{{{options}}}" if len(constraint.ordered) > 1 else options
    if isinstance(constraint, Interval):
        return "int" if constraint.type is Integral else "float"
    return {"boolean": "bool", None: "None"}[constraint]


@dataclass_transform(eq_default=False)
def with_parameters(cls: Estimator) -> Estimator:
    """Class decorator: constructor, constraints and documentation from the class's fields and those of its bases.

    A value without a type, of a parameter that a base declares, is another default for it.
    """
    inherited = {name: hint for base in cls.__mro__[1:] for name, hint in getattr(base, "__annotations__", {}).items()}
    own = inspect.get_annotations(cls)
    # A value without a type is another default of a parameter that a base declares.
    others = {name: inherited[name] for name in vars(cls) if name in inherited and name not in own}
    cls.__annotations__ = own | others
    dataclass(eq=False, repr=False)(cls)
    hints = get_type_hints(cls, include_extras=True)
    declared = {field.name: hints[field.name] for field in fields(cls)}
    parameters = {name: _parameter_of(name, hint) for name, hint in declared.items()}
    init: Any = cls.__init__  # type: ignore[misc]
    init.__annotations__ = {name: get_args(hint)[0] for name, hint in declared.items()} | {"return": None}
    cls._parameter_constraints = {name: each.allowed for name, each in parameters.items()}  # type: ignore[attr-defined]
    if cls.__doc__ is not None:  # python -OO
        cls.__doc__ = _with_sections(cls, inspect.cleandoc(cls.__doc__), parameters)
    return cls


def with_parameters_of(model: type, without: Collection[str] = ()) -> Callable[[Estimator], Estimator]:
    """Class decorator: the parameters of an estimator, for a class of another library that is built around it.

    Parameters
    ----------
    model : type
        The estimator. A field of the class itself stands in for that of the same name.
    without : collection of str, default=()
        Parameters that the class does not have.
    """

    def declare(cls: Estimator) -> Estimator:
        hints, own = get_type_hints(model, include_extras=True), inspect.get_annotations(cls)
        kept = [each for each in fields(model) if each.name not in without]
        for each in kept:
            default = vars(cls).get(each.name, each.default)
            setattr(cls, each.name, field(default=default, kw_only=each.kw_only))
        cls.__annotations__ = {each.name: own.get(each.name, hints[each.name]) for each in kept}
        return with_parameters(cls)

    return declare


def _parameter_of(name: str, hint: Any) -> Parameter:
    found = [each for each in get_args(hint) if isinstance(each, Parameter)] if get_origin(hint) is Annotated else []
    if len(found) != 1:
        raise TypeError(f"The field {name!r} must be Annotated with one Parameter.")
    return found[0]


def _with_sections(cls: type, text: str, parameters: dict[str, Parameter]) -> str:
    """The docstring with the sections of parameters and fitted attributes after its description."""
    found = re.search(r"^(References|Examples)\n-+$", text, flags=re.MULTILINE)
    description, rest = (text[: found.start()], text[found.start() :]) if found else (text, "")
    defaults = {name: p.default for name, p in inspect.signature(cls).parameters.items()}
    entries = {
        f"{name} : {each.kind}, default={_written(defaults[name])}": each.text for name, each in parameters.items()
    }
    sections = [("Parameters", entries), ("Attributes", dict(_attributes(cls)))]
    generated = "".join(f"{title}\n{'-' * len(title)}\n{_listed(those)}\n\n" for title, those in sections if those)
    return f"{description.rstrip()}\n\n{generated}{rest}"


def _attributes(cls: type) -> Iterator[tuple[str, str]]:
    """The fitted attributes, which are properties whose docstrings begin with their type and a colon."""
    for name, member in inspect.getmembers(cls, lambda each: isinstance(each, property)):
        if name.endswith("_") and not name.startswith("_"):
            kind, _, meaning = " ".join((member.__doc__ or "").split()).partition(": ")
            yield f"{name} : {kind}", meaning


def _listed(entries: dict[str, str]) -> str:
    """Entries as numpydoc writes them."""
    wrap = textwrap.TextWrapper(WIDTH, initial_indent="    ", subsequent_indent="    ", break_long_words=False)
    return "\n".join(f"{head}\n{wrap.fill(text)}" for head, text in entries.items())


def _written(default: Any) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)
