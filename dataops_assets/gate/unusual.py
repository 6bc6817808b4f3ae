"""What the gate says of a partition whose statistics are unlike those before.

Not here: how far off they are (`drift`).
"""

from dataclasses import replace

import numpy as np

from dataops_assets.gate.content import Judged
from dataops_assets.gate.drift import COLD_START, NEVER_NEGATIVE, NEW, ROWS, SHARES, History, named
from dataops_assets.gate.profile import Profile
from dataops_assets.gate.relations import Numbers
from dataops_assets.gate.rules import STATISTICS, Rule
from dataops_assets.gate.verdict import RuleResult, Status, Unusual
from dataops_assets.gate.wording import percent, some

_TOLD = 5


def compared(found: Judged, rules: list[Rule], history: History, public: bool) -> Judged:
    """What the content gate found, with what its profile tells in the light of those before.

    Args:
        found: What was found.
        rules: The rules of the dataset; without one on statistics nothing is compared.
        history: The profiles of the partitions before.
        public: Whether values may be shown.
    """
    rule = next((rule for rule in rules if rule.name == STATISTICS), None)
    if rule is None or found.profile is None:
        return found
    surprises = np.nan_to_num(history.surprises(found.profile))
    values = history.numbers(found.profile)
    breaks = history.breaks(found.profile)
    worst = [int(place) for place in np.lexsort((-surprises, ~breaks)) if surprises[place] > 1]
    unusual = tuple(_unusual(history, found.profile, place, values, surprises, public) for place in worst[:_TOLD])
    status: Status = "passed"
    if worst:
        status = "refused" if rule.severity == "fail" and breaks.any() else "warned"
    more = f"; and {len(worst) - _TOLD} more" if len(worst) > _TOLD else ""
    told = "; ".join(one.told for one in unusual) + more if worst else ""
    result = RuleResult(
        rule=rule.name,
        sentence=rule.sentence,
        severity=rule.severity,
        checked=1,
        broken=int(bool(worst)),
        status=status,
        detail=f"{told} ({_span(history)})" if told else _span(history),
        measured=round(float(surprises.max()), 3) if worst else None,
        bound=1.0 if worst else None,
    )
    refused = (f"{rule.name}: {rule.sentence}, but {result.detail}",) if status == "refused" else ()
    return replace(
        found,
        rules=tuple(result if one.rule == rule.name else one for one in found.rules),
        reasons=(*found.reasons, *refused),
        unusual=unusual,
    )


def _span(history: History) -> str:
    before = history.partitions
    if len(before) < 2 * COLD_START:
        return f"{len(before)} partitions before, which is too few to tell: {2 * COLD_START} are needed"
    return f"by the {len(before)} partitions from {before[0]} to {before[-1]}"


def _unusual(history: History, profile: Profile, place: int, values: Numbers, surprises: Numbers, public: bool) -> Unusual:
    column, what = history.names[place]
    name, value, before = named(column, what), float(values[place]), history.before(place)
    times = round(float(surprises[place]), 2)
    broken_low, least, greatest, broken_high = (float(bound) for bound in history.bounds(place))
    side, limit, broken = ("above", greatest, broken_high) if value > greatest else ("below", least, broken_low)
    if not public:
        median = (least + greatest) / 2
        most = (broken - median) / (limit - median)
        told = f"{name} is {times:g} times as far off as it may be, and {most:.3g} times is a break"
        return Unusual(statistic=name, surprise=times, told=told)
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = np.nanquantile(before, [0.1, 0.9])
    told = f"{history.told(place, _said(value, what))}, usually {_said(low, what)} to {_said(high, what)}"
    if what == NEW and (new := history.new_categories(profile, column)):
        told += f": {some(new, 3)}"
    possible = not (what in SHARES and broken > 1) and not (what in NEVER_NEGATIVE and broken < 0)
    told += f"; unusual {side} {_said(limit, what)}"
    told += f", a break {side} {_said(broken, what)}" if possible else ", never a break"
    return Unusual(
        statistic=name,
        surprise=times,
        told=told,
        value=value,
        before=tuple(map(_finite, before)),
        limit=_finite(limit),
        broken=_finite(broken) if possible else None,
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _said(value: float, what: str) -> str:
    if what in SHARES:
        return percent(value)
    return f"{value:,.0f}" if what in (ROWS, "distinct") else f"{value:,.4g}"
