"""Text with wildcards and variables, and whether something matches it.

`*` is any text, also none, `?` any one character. `${aws:username}` is what the request says of that key, taken as it is: a
`*` in it is no wildcard. `${aws:PrincipalTag/team, 'none'}` has a default. `${*}`, `${?}` and `${$}` are these characters
themselves. A variable of which the request says nothing, and that has no default, matches nothing.

Source: IAM User Guide, "IAM policy elements: Variables and tags"; "IAM JSON policy elements: Resource", of which part of an ARN
may hold what. Not here: which elements hold such text (`language`, `condition`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from dataops_assets.contract.errors import Mistake
from dataops_assets.policy.keys import Context, key


class Wildcard(Enum):
    """A part that stands for other text, by the regular expression for it."""

    ANY = ".*"
    ONE = "."


@dataclass(frozen=True)
class Variable:
    """A part that the request fills in.

    Attributes:
        key: The condition key, in small letters.
        default: What stands there if the request says nothing of it; None if then nothing matches.
    """

    key: str
    default: str | None


Template = tuple[str | Wildcard | Variable, ...]
"""Text in its parts."""

Arn = tuple[Template, ...]
"""The six parts of an ARN, or none for all there is: `*`."""

EVERYTHING: Arn = ()

_WILDCARDS = {"*": Wildcard.ANY, "?": Wildcard.ONE}
_TYPE = re.compile(r"([^:/]*)([:/]?)")
_PLACE = re.compile(r"\$\{(?:(?P<escaped>[*?$])|(?P<key>[^{},]+)(?:, '(?P<default>[^'}]*)')?)\}|(?P<wild>[*?])")


def template(text: str, *, wildcards: bool) -> Template:
    """Text of a policy in its parts.

    Args:
        text: As it is written.
        wildcards: Whether `*` and `?` are wildcards, or themselves.

    Raises:
        Mistake: A variable is none that can be filled in.
    """
    parts: list[str | Wildcard | Variable] = []
    end = 0
    for place in _PLACE.finditer(text):
        parts.append(_plain(text[end : place.start()]))
        end = place.end()
        if place["wild"]:
            parts.append(_WILDCARDS[place["wild"]] if wildcards else place["wild"])
        else:
            parts.append(place["escaped"] or _variable(place["key"], place["default"]))
    parts.append(_plain(text[end:]))
    return tuple(part for part in parts if part != "")


def _plain(text: str) -> str:
    if "${" in text:
        raise Mistake(f"the variable in {text!r} is not understood", "write it as `${key}` or `${key, 'default'}`")
    return text


def _variable(name: str, default: str | None) -> Variable:
    known = key(name)
    if known.many:
        raise Mistake(f"the variable `{name}` may have many values", "take a key with one value")
    return Variable(known.name, default)


def arn(text: str) -> Arn:
    """The pattern of an ARN.

    Raises:
        Mistake: It has less than six parts, a wildcard in one of the first three, or a variable in one of the first five.
    """
    parts = text.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        raise Mistake(f"{text!r} is no ARN", "write it in full, with all six parts: arn:aws:s3:::bucket/key")
    if any(wild in part for part in parts[:3] for wild in _WILDCARDS):
        raise Mistake(f"{text!r} leaves open which service it is of", "name partition and service: arn:aws:s3:::…")
    if any("${" in part for part in parts[:5]):
        raise Mistake(f"{text!r} has a variable before the fifth colon", "put variables behind it alone")
    return tuple(template(part, wildcards=True) for part in parts)


def resource(text: str) -> Arn:
    """The pattern of a resource: that of an ARN, or `*`.

    Raises:
        Mistake: It is neither, or leaves open the type of the resource, as `role` is one; objects and buckets of S3 have none.
    """
    if text == "*":
        return EVERYTHING
    pattern = arn(text)
    service, last = text.split(":", 5)[2], text.split(":", 5)[5]
    type_, separator = _TYPE.match(last).groups()  # type: ignore[union-attr]  # it matches anything
    if service != "s3" and last != "*" and (separator or service == "iam") and set(type_) & set("*?$"):
        raise Mistake(f"{text!r} leaves open the type of the resource", "name the type: arn:aws:iam::111122223333:role/*")
    return pattern


def refuse_open(texts: Iterable[str]) -> None:
    """See that no variable may stay open where what does not match counts.

    Raises:
        Mistake: One has no default. AWS says only that the statement may become invalid then, and a Deny would be gone.
    """
    for text in texts:
        if any(place["key"] and place["default"] is None for place in _PLACE.finditer(text)):
            raise Mistake(
                f"{text!r} says what must not be, and may stay open", "give the variable a default: `${key, 'default'}`"
            )


def as_written(pattern: Template) -> str:
    """A pattern as it stands in a policy; a variable without its default."""
    stands = {wildcard: sign for sign, wildcard in _WILDCARDS.items()}
    return "".join(
        stands[part] if isinstance(part, Wildcard) else f"${{{part.key}}}" if isinstance(part, Variable) else part
        for part in pattern
    )


def within(narrow: Template, wide: Template, *, case: bool = True) -> bool:
    """Whether a pattern surely matches all that another one, the narrow one, does.

    A wildcard or variable of the narrow one counts as a character that only `*`, or the same variable, stands for.
    """
    if narrow == wide:
        return True
    signs = {
        part: chr(0xE000 + n) for n, part in enumerate(dict.fromkeys(part for part in narrow if not isinstance(part, str)))
    }
    one = f"[^{''.join(signs.values())}]" if signs else "."

    def expression(part: str | Wildcard | Variable) -> str:
        if isinstance(part, Variable):
            return signs.get(part, "(?!)")
        return re.escape(part) if isinstance(part, str) else one if part is Wildcard.ONE else part.value

    text = "".join(part if isinstance(part, str) else signs[part] for part in narrow)
    flags = re.DOTALL if case else re.DOTALL | re.IGNORECASE
    return re.fullmatch("".join(map(expression, wide)), text, flags) is not None


@lru_cache(maxsize=10_000)
def at_most(patterns: tuple[Arn, ...]) -> re.Pattern[str]:
    """What some ARNs come to at most, whatever their variables stand for: no wildcard reaches from one part into the next."""
    within = {Wildcard.ANY: "[^:]*", Wildcard.ONE: "[^:]"}

    def expression(part: str | Wildcard | Variable, last: bool) -> str:
        if isinstance(part, str):
            return re.escape(part)
        wildcard = Wildcard.ANY if isinstance(part, Variable) else part
        return wildcard.value if last else within[wildcard]

    return re.compile(
        "|".join(
            ":".join("".join(expression(part, n == 5) for part in each) for n, each in enumerate(pattern)) or ".*"
            for pattern in patterns
        ),
        re.DOTALL,
    )


def has_variable(pattern: Arn) -> bool:
    """Whether a pattern is filled in by the request."""
    return any(isinstance(part, Variable) for each in pattern for part in each)


def matches(pattern: Template, text: str, context: Context, *, case: bool = True) -> bool:
    """Whether a text is what the pattern says.

    Args:
        pattern: The text of the policy.
        text: What the request says.
        context: What fills in variables.
        case: Whether small letters differ from capitals.
    """
    if not pattern:
        return not text
    if len(pattern) == 1 and isinstance(pattern[0], str):  # most are such: plain text
        return pattern[0] == text if case else pattern[0].lower() == text.lower()
    filled = tuple(_fill(part, context) if isinstance(part, Variable) else part for part in pattern)
    known = [part for part in filled if part is not None]
    return len(known) == len(filled) and _compiled(tuple(known), case).fullmatch(text) is not None


def arn_matches(pattern: Arn, text: str, context: Context) -> bool:
    """Whether an ARN is what the pattern says, part by part: no wildcard reaches from one of the six into the next."""
    if not pattern:
        return True
    parts = text.split(":", 5)
    # From behind, since there most ARNs differ.
    return len(parts) == len(pattern) and all(matches(pattern[n], parts[n], context) for n in range(len(parts) - 1, -1, -1))


def _fill(variable: Variable, context: Context) -> str | None:
    return context[variable.key][0] if variable.key in context else variable.default


@lru_cache(maxsize=10_000)
def _compiled(parts: tuple[str | Wildcard, ...], case: bool) -> re.Pattern[str]:
    text = "".join(part.value if isinstance(part, Wildcard) else re.escape(part) for part in parts)
    return re.compile(text, re.DOTALL if case else re.DOTALL | re.IGNORECASE)
