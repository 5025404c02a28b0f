"""Small documents, valid and faulty: one per feature and version, each a change of a whole document.

The changes stand in changes.yaml: a place, which is a path with slashes, and what is written there. The documents are
made anew for each run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
GONE = "(gone)"
CHANGES = Path(__file__).with_name("changes.yaml")
MINORS2 = range(7)
VERSIONS = (*(f"2.{minor}.0" for minor in MINORS2), "3.0.0", "3.1.0")


def whole2(minor: int) -> Document:
    """A document that uses what a minor version of 2.x offers."""
    document: Document = {
        "asyncapi": f"2.{minor}.0",
        "id": "urn:example:harbour",
        "info": {
            "title": "Harbour",
            "version": "1.4.0",
            "description": "Ships and berths",
            "termsOfService": "https://harbour.example/terms",
            "contact": {"name": "Pier 4", "url": "https://harbour.example", "email": "pier4@harbour.example"},
            "license": {"name": "MIT", "url": "https://harbour.example/licence"},
        },
        "defaultContentType": "application/json",
        "tags": [{"name": "harbour", "externalDocs": {"url": "https://harbour.example/tags"}}],
        "externalDocs": {"description": "Handbook", "url": "https://harbour.example/handbook"},
        "servers": {
            "main": {
                "url": "{site}.harbour.example:9092",
                "protocol": "kafka",
                "protocolVersion": "3.7",
                "variables": {"site": {"default": "north", "enum": ["north", "south"], "examples": ["north"]}},
                "security": [{"crew": []}, {"bridge": ["berths:read"]}],
                "bindings": {"kafka": {}},
            }
        },
        "channels": {
            "ships.{berth}": {
                "description": "Ships at a berth",
                "parameters": {"berth": {"schema": {"type": "string"}, "location": "$message.payload#/berth"}},
                "publish": {
                    "operationId": "onShip",
                    "summary": "A ship came in",
                    "tags": [{"name": "arrivals"}],
                    "message": {
                        "oneOf": [{"$ref": "#/components/messages/arrived"}, {"$ref": "#/components/messages/left"}]
                    },
                },
                "subscribe": {"operationId": "tellShip", "message": {"payload": {"type": "string"}, "name": "told"}},
            }
        },
        "components": {
            "schemas": {"ship": {"type": "object", "properties": {"berth": {"type": "string"}}, "required": ["berth"]}},
            "messages": {
                "arrived": {
                    "name": "arrived",
                    "contentType": "application/json",
                    "headers": {"type": "object", "properties": {"trace": {"type": "string"}}},
                    "payload": {"$ref": "#/components/schemas/ship"},
                    "correlationId": {"location": "$message.header#/trace"},
                    "examples": [{"payload": {"berth": "b1"}}],
                },
                "left": {"name": "left", "payload": {"type": ["object", "null"]}},
            },
            "securitySchemes": {
                "crew": {"type": "userPassword"},
                "bridge": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": "https://harbour.example/token",
                            "scopes": {"berths:read": "read berths"},
                        }
                    },
                },
            },
            "parameters": {"berth": {"description": "Where", "schema": {"type": "string"}}},
            "correlationIds": {"trace": {"location": "$message.header#/trace"}},
            "operationTraits": {"kafka": {"bindings": {"kafka": {"clientId": {"type": "string"}}}}},
            "messageTraits": {"plain": {"contentType": "text/plain"}},
        },
    }
    channel = document["channels"]["ships.{berth}"]
    if minor >= 2:
        channel["servers"] = ["main"]
    if minor >= 4:
        channel["publish"]["security"] = [{"crew": []}]
        document["components"]["messages"]["arrived"]["messageId"] = "arrived"
        document["components"]["serverVariables"] = {"site": {"default": "north"}}
    if minor >= 5:
        document["servers"]["main"]["tags"] = [{"name": "env:production"}]
    return document


def whole3(minor: int) -> Document:
    """A document that uses what a minor version of 3.x offers."""
    return {
        "asyncapi": f"3.{minor}.0",
        "id": "urn:example:harbour",
        "info": {
            "title": "Harbour",
            "version": "1.4.0",
            "termsOfService": "https://harbour.example/terms",
            "contact": {"name": "Pier 4", "url": "https://harbour.example", "email": "pier4@harbour.example"},
            "license": {"name": "MIT", "url": "https://harbour.example/licence"},
            "tags": [{"name": "harbour"}, {"$ref": "#/components/tags/quay"}],
            "externalDocs": {"url": "https://harbour.example/handbook"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "main": {
                "host": "{site}.harbour.example:9092",
                "pathname": "/north",
                "protocol": "kafka",
                "title": "Main",
                "variables": {"site": {"default": "north", "enum": ["north", "south"]}},
                "security": [{"$ref": "#/components/securitySchemes/crew"}],
                "tags": [{"name": "env:production"}],
                "bindings": {"kafka": {"schemaRegistryUrl": "https://registry.harbour.example"}},
            }
        },
        "channels": {
            "ships": {
                "address": "ships.{berth}",
                "title": "Ships",
                "messages": {
                    "arrived": {"$ref": "#/components/messages/arrived"},
                    "left": {"payload": {"type": "object"}, "headers": {"type": "object"}, "deprecated": True},
                },
                "parameters": {"berth": {"enum": ["b1", "b2"], "default": "b1", "examples": ["b1"]}},
                "servers": [{"$ref": "#/servers/main"}],
                "bindings": {"kafka": {"partitions": 3, "replicas": 2, "bindingVersion": "0.5.0"}},
            },
            "answers": {"address": None, "messages": {"told": {"payload": {"type": "string"}}}},
        },
        "operations": {
            "onShip": {
                "action": "receive",
                "channel": {"$ref": "#/channels/ships"},
                "messages": [{"$ref": "#/channels/ships/messages/arrived"}],
                "summary": "A ship came in",
                "security": [{"type": "plain"}],
                "reply": {
                    "address": {"location": "$message.header#/answer"},
                    "channel": {"$ref": "#/channels/answers"},
                    "messages": [{"$ref": "#/channels/answers/messages/told"}],
                },
                "bindings": {"kafka": {"groupId": {"type": "string", "enum": ["harbour-v1"]}}},
            },
            "tellShip": {"action": "send", "channel": {"$ref": "#/channels/ships"}},
        },
        "components": {
            "schemas": {
                "ship": {"type": "object", "properties": {"berth": {"type": "string"}}, "required": ["berth"]},
                "boat": {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {"type": "string"}},
            },
            "messages": {
                "arrived": {
                    "name": "arrived",
                    "contentType": "application/json",
                    "payload": {"$ref": "#/components/schemas/ship"},
                    "correlationId": {"location": "$message.header#/trace"},
                    "examples": [{"name": "one", "payload": {"berth": "b1"}}],
                }
            },
            "securitySchemes": {
                "crew": {"type": "scramSha256"},
                "bridge": {
                    "type": "oauth2",
                    "flows": {
                        "implicit": {
                            "authorizationUrl": "https://harbour.example/authorize",
                            "availableScopes": {"berths:read": "read berths"},
                        }
                    },
                },
            },
            "tags": {"quay": {"name": "quay"}},
            "operationTraits": {"kafka": {"bindings": {"kafka": {"clientId": {"type": "string"}}}}},
            "messageTraits": {"plain": {"contentType": "text/plain"}},
            "replyAddresses": {"answer": {"location": "$message.header#/answer"}},
        },
    }


def changed(document: Document, place: str, value: Any) -> Document:
    """A copy with one place written anew, or taken out."""
    copy: Document = json.loads(json.dumps(document))
    *way, last = place.split("/")
    holder: Any = copy
    for step in way:
        holder = holder[int(step)] if isinstance(holder, list) else holder.setdefault(step, {})
    key: Any = int(last) if isinstance(holder, list) else last
    if value == GONE:
        del holder[key]
    elif isinstance(holder, list) and key == len(holder):
        holder.append(value)
    else:
        holder[key] = value
    return copy


_ASIDE: Document = {
    "x-info": {"title": "Harbour", "version": "1"},
    "x-ship": {"type": "ship"},
    "x-channel": {"description": "spare"},
    "x-operation": {"operationId": "onShip"},
    "x-tag": {"name": "a"},
}
"""What the changes refer to beside the components."""


def documents() -> dict[str, Document]:
    """Every document by its name, `VERSION/WHAT`."""
    found: dict[str, Document] = {}
    tables = yaml.safe_load(CHANGES.read_text(encoding="utf-8"))
    for version, document in _wholes():
        found[f"{version}/whole"] = document
        found[f"{version}/least"] = {
            "asyncapi": version,
            "info": {"title": "Harbour", "version": "1"},
            **({"channels": {}} if version < "3" else {}),
        }
        found |= _with_traits(version, document, tables)
    shelf = {"x-server": {"url": "a.example", "protocol": "kafka"}, "x-site": {"default": "north"}}
    for minor in MINORS2:
        document = whole2(minor)
        document["components"] |= shelf
        for name, place, value in tables["later_2"]:
            found[f"2.{minor}.0/{name}"] = changed(document, place, value)
    for version, document, table in (
        ("2.6.0", whole2(6), [*tables["shared"], *tables["only_2"]]),
        ("2.0.0", whole2(0), tables["only_2"][-20:]),
        ("3.0.0", whole3(0), [*tables["shared"], *tables["only_3"]]),
        ("3.1.0", whole3(1), tables["only_3"]),
    ):
        for name, place, value in table:
            found[f"{version}/{name}"] = changed(document | _ASIDE, place, value)
    return found


def _wholes() -> Iterator[tuple[str, Document]]:
    for version in VERSIONS:
        minor = int(version[2])
        yield version, whole2(minor) if version < "3" else whole3(minor)


def _with_traits(version: str, document: Document, tables: dict[str, list[Any]]) -> dict[str, Document]:
    """Documents whose operations and messages have traits."""
    three = version >= "3"
    operation = "operations/onShip" if three else "channels/ships.{berth}/publish"
    found: dict[str, Document] = {}
    for place, kind in ((operation, "operation_traits"), ("components/messages/arrived", "message_traits")):
        for name, traits, own in tables[kind]:
            with_traits = changed(document, f"{place}/traits", traits)
            for key, value in own.items():
                with_traits = changed(with_traits, f"{place}/{key}", value)
            found[f"{version}/traits/{name}"] = with_traits
    return found
