"""Burn-rate policies: which windows must burn how fast before somebody is told. Data in `policies/*.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from observatory.errors import InputInvalid, Problem
from observatory.location import Location
from observatory.objectives.budget import budget_ratio
from observatory.objectives.burn import is_reachable
from observatory.objectives.objective import Objective
from observatory.units import compact_duration, parse_duration

AlertSeverity = Literal["page", "ticket"]
_SEVERITIES: dict[str, AlertSeverity] = {"page": "page", "ticket": "ticket"}
SHIPPED = Path(__file__).parent / "policies"
_KEYS = frozenset({"name", "description", "pairs"})
_PAIR_KEYS = frozenset({"severity", "long", "short", "factor", "min_bad"})


class Pair(Struct, frozen=True, kw_only=True):
    """Fires while the long and the short window both burn faster than the factor.

    Attributes:
        long, short: Seconds; the short window lets the alert end soon after the fault does.
        factor: Burn rate; 1 spends the budget exactly over the objective's window.
        min_bad: Bad events that the long window must hold, so that a single failure on a quiet channel is no page.
    """

    severity: AlertSeverity
    long: float
    short: float
    factor: float
    min_bad: float = 1.0

    @property
    def long_text(self) -> str:
        """The long window as Prometheus writes it: `1h`."""
        return compact_duration(self.long)

    @property
    def short_text(self) -> str:
        return compact_duration(self.short)


class Policy(Struct, frozen=True, kw_only=True):
    """Named pairs, fastest first."""

    name: str
    pairs: tuple[Pair, ...]
    description: str = ""


class _Shipped(Struct, frozen=True):
    """What is kept of the shipped policies between runs."""

    policies: tuple[Policy, ...]


def load_policies(folder: Path | None = None, *, cache: Path | None = None) -> dict[str, Policy]:
    """The shipped policies by name, and those of a team's folder, which win over shipped ones of the same name.

    Args:
        cache: Folder in which the shipped ones are kept between runs; None reads their files.

    Raises:
        InputInvalid: A file cannot be read or is no policy; all findings at once.
    """
    found = {policy.name: policy for policy in _shipped(cache).policies}
    if folder is None:
        return found
    if not folder.is_dir():
        raise InputInvalid(_problem(str(folder), "the folder of burn-rate policies does not exist"))
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.y*ml")):
        try:
            policy = parse_policy(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(_problem(str(path), f"the policy cannot be read: {error}"))
        except InputInvalid as error:
            problems += error.problems
        else:
            found[policy.name] = policy
    if problems:
        raise InputInvalid(problems)
    return found


def _shipped(cache: Path | None) -> _Shipped:
    files = sorted(SHIPPED.glob("*.yaml"))

    def read_all() -> _Shipped:
        return _Shipped(
            tuple(parse_policy(path.read_text(encoding="utf-8"), f"policies/{path.name}") for path in files)
        )

    if cache is None:
        return read_all()
    from observatory.spec.kept_files import kept_of

    return kept_of(cache / "policies", _Shipped, files, Path(__file__).parent, read_all)


def parse_policy(text: str, shown_as: str) -> Policy:
    """A policy from YAML text.

    Raises:
        InputInvalid: Unknown or missing keys, a short window that is not shorter, a factor that is no positive number.
    """
    import yaml

    try:
        data: Any = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise InputInvalid(_problem(shown_as, "the policy is not YAML", line, column)) from error
    if not isinstance(data, dict) or not isinstance(data.get("name"), str) or not isinstance(data.get("pairs"), list):
        raise InputInvalid(_problem(shown_as, "a policy needs a name and a list of pairs"))
    problems = [_problem(shown_as, f"unknown key {key!r} in the policy") for key in data if key not in _KEYS]
    pairs: list[Pair] = []
    for number, entry in enumerate(data["pairs"], 1):
        try:
            pairs.append(_pair(entry))
        except ValueError as error:
            problems.append(_problem(shown_as, f"pair {number}: {error}"))
    if not data["pairs"]:
        problems.append(_problem(shown_as, "a policy needs at least one pair"))
    if problems:
        raise InputInvalid(problems)
    return Policy(name=data["name"], pairs=tuple(pairs), description=str(data.get("description", "")))


def _pair(entry: object) -> Pair:
    if not isinstance(entry, dict):
        raise ValueError("not a mapping")
    if unknown := [str(key) for key in entry if key not in _PAIR_KEYS]:
        raise ValueError(f"unknown key {unknown[0]!r}")
    severity = _SEVERITIES.get(str(entry.get("severity")))
    if severity is None:
        raise ValueError("severity must be page or ticket")
    long, short = parse_duration(str(entry.get("long"))), parse_duration(str(entry.get("short")))
    if not 0 < short < long:
        raise ValueError("the short window must be shorter than the long one")
    factor, min_bad = entry.get("factor"), entry.get("min_bad", 1)
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < float("inf"):
        raise ValueError("factor must be a positive number")
    if isinstance(min_bad, bool) or not isinstance(min_bad, int | float) or not 0 <= min_bad < float("inf"):
        raise ValueError("min_bad must be a number of events")
    return Pair(severity=severity, long=long, short=short, factor=float(factor), min_bad=float(min_bad))


def check_policy(objective: Objective, policies: Mapping[str, Policy]) -> tuple[Problem, ...]:
    """What is wrong between an objective and its policy: the policy is unknown, or a factor can never be reached.

    A burn rate cannot exceed 1 / (1 - target): with a target of 90 % even a total outage burns only 10 times too fast.
    """
    policy = policies.get(objective.policy)
    if policy is None:
        close = get_close_matches(objective.policy, policies, 1)
        return (
            Problem(
                code="policy-unknown",
                message=f"there is no burn-rate policy {objective.policy!r}",
                hint=f"did you mean {close[0]}?" if close else f"known policies: {', '.join(sorted(policies))}",
                location=objective.location,
                subject=objective.id,
            ),
        )
    return tuple(
        Problem(
            code="threshold-unreachable",
            severity="warning",
            message=(
                f"the {pair.severity} alert over {pair.long_text} fires at a burn rate of {pair.factor:g}, but a "
                f"target of {objective.target * 100:g} % allows at most {1 / budget_ratio(objective.target):.3g}"
            ),
            hint="raise the target, or choose a policy with smaller factors",
            location=objective.location,
            subject=objective.id,
        )
        for pair in policy.pairs
        if not is_reachable(pair.factor, objective.target)
    )


def _problem(path: str, message: str, line: int = 1, column: int = 1) -> Problem:
    return Problem(code="policy-invalid", message=message, location=Location(path, line, column))
