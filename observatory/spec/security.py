"""Security of 2.x documents: servers and operations name schemes, and scopes of those that have scopes."""

from __future__ import annotations

from collections.abc import Iterator

from observatory.errors import Problem
from observatory.spec.references import Cursor
from observatory.spec.suggestions import hint_for

_FLOWS = ("implicit", "password", "clientCredentials", "authorizationCode")


def check_security(root: Cursor) -> Iterator[Problem]:
    """Schemes and scopes that are named and not declared."""
    components = root.get("components")
    declared = components.get("securitySchemes") if components is not None else None
    for holder in _holders(root):
        listed = holder.get("security")
        for need in listed.items() if listed is not None else ():
            for name in need.keys():  # noqa: SIM118 (merged layers)
                scheme = declared.get(name) if declared is not None else None
                if declared is None or name not in declared.keys():  # noqa: SIM118
                    known = declared.keys() if declared is not None else []
                    hint = hint_for(name, known) if known else "declare it under components: {securitySchemes: ...}"
                    message = f"there is no security scheme {name!r}"
                    yield Problem(
                        code="security-scheme", message=message, location=need.location(name, key=True), hint=hint
                    )
                elif scheme is not None and scheme.text("type") == "oauth2":
                    yield from _scopes(need, name, scheme)


def _holders(root: Cursor) -> Iterator[Cursor]:
    for section in ("servers", "channels"):
        listed = root.get(section)
        for _, part in listed.entries() if listed is not None else ():
            sides = [part] if section == "servers" else [part.get("publish"), part.get("subscribe")]
            yield from (side for side in sides if side is not None and isinstance(side.value, dict))


def _scopes(need: Cursor, name: str, scheme: Cursor) -> Iterator[Problem]:
    wanted, flows = need.get(name), scheme.get("flows")
    known: list[str] = []
    for word in _FLOWS:
        flow = flows.get(word) if flows is not None else None
        scopes = flow.get("scopes") if flow is not None else None
        known += scopes.keys() if scopes is not None else []
    for index, scope in enumerate(wanted.value if wanted is not None and isinstance(wanted.value, list) else ()):
        if isinstance(scope, str) and scope not in known and wanted is not None:
            message = f"the security scheme {name!r} has no scope {scope!r}"
            hint = hint_for(scope, known) if known else "list it under `scopes` of a flow"
            yield Problem(code="security-scope", message=message, location=wanted.location(str(index)), hint=hint)
