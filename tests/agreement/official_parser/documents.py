"""Small documents, valid and faulty: one per feature and version, each a change of a whole document.

A change is a place and what is written there; `GONE` takes the place out. Places are paths with slashes. The documents
are made anew for each run, so the table below is all there is to read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
GONE = object()
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
    if value is GONE:
        del holder[key]
    elif isinstance(holder, list) and key == len(holder):
        holder.append(value)
    else:
        holder[key] = value
    return copy


_CHANNEL2 = "channels/ships.{berth}"
_MESSAGE2 = "components/messages/left"
_SCHEME = "components/securitySchemes/crew"
_FLOWS = "components/securitySchemes/bridge/flows"
_LATER2 = (  # keys that came with a minor version; they are tried in all
    ("channel-servers", f"{_CHANNEL2}/servers", ["main"]),
    ("channel-deprecated", f"{_CHANNEL2}/deprecated", True),
    ("message-id", f"{_MESSAGE2}/messageId", "left"),
    ("operation-security", f"{_CHANNEL2}/subscribe/security", [{"crew": []}]),
    ("server-tags", "servers/main/tags", [{"name": "a"}]),
    ("shelf-of-servers", "components/servers", {"other": {"url": "other.example", "protocol": "amqp"}}),
    ("shelf-of-channels", "components/channels", {"spare": {"description": "none"}}),
    ("shelf-of-variables", "components/serverVariables", {"port": {"default": "1"}}),
    ("sasl", _SCHEME, {"type": "gssapi"}),
    ("example-with-name", f"{_MESSAGE2}/examples", [{"name": "one", "payload": {}}]),
    ("example-without-anything", f"{_MESSAGE2}/examples", [{}]),
    ("trait-example-of-its-own", "components/messageTraits/plain/examples", [{"anything": 1}]),
    ("server-by-reference", "servers/main", {"$ref": "#/components/x-server"}),
    ("variable-by-reference", "servers/main/variables/site", {"$ref": "#/components/x-site"}),
    ("own-format-of-this-minor", f"{_MESSAGE2}/schemaFormat", "application/vnd.aai.asyncapi;version=2.4.0"),
)
_SHARED = (  # what 2.x and 3.x judge alike; the message is written at M, the channel at C
    ("no-info", "info", GONE),
    ("no-title", "info/title", GONE),
    ("title-is-a-number", "info/title", 5),
    ("version-is-a-number", "info/version", 1.0),
    ("description-is-empty", "info/description", None),
    ("id-is-no-uri", "id", "harbour"),
    ("terms-are-no-address", "info/termsOfService", "see the office"),
    ("contact-url-is-relative", "info/contact/url", "/contact"),
    ("contact-mail-is-none", "info/contact/email", "pier4"),
    ("contact-has-a-phone", "info/contact/phone", "112"),
    ("licence-without-name", "info/license", {"url": "https://harbour.example/licence"}),
    ("root-key-unknown", "colour", "blue"),
    ("root-key-of-its-own", "x-colour.of-hull_1", {"any": [1]}),
    ("own-key-with-a-slash", "x-colour/hull", 1),
    ("own-key-that-is-empty", "x-", 1),
    ("info-by-reference", "info", {"$ref": "#/x-info"}),
    ("server-without-protocol", "servers/main/protocol", GONE),
    ("server-key-unknown", "servers/main/port", 9092),
    ("server-is-text", "servers/main", "kafka"),
    ("servers-are-a-list", "servers", []),
    ("variable-enum-is-text", "servers/main/variables/site/enum", "north"),
    ("variable-enum-repeats", "servers/main/variables/site/enum", ["north", "north"]),
    ("variable-default-is-a-number", "servers/main/variables/site/default", 1),
    ("variables-unused", "servers/main/variables/port", {"default": "1"}),
    ("variables-missing", "servers/main/variables", {}),
    ("no-variables-at-all", "servers/main/variables", GONE),
    ("channels-are-a-list", "channels", []),
    ("scheme-without-type", _SCHEME, {}),
    ("scheme-of-no-kind", _SCHEME, {"type": "magic"}),
    ("scheme-key-unknown", _SCHEME, {"type": "X509", "file": "a.pem"}),
    ("api-key", _SCHEME, {"type": "apiKey", "in": "user"}),
    ("api-key-without-in", _SCHEME, {"type": "apiKey"}),
    ("api-key-elsewhere", _SCHEME, {"type": "apiKey", "in": "header"}),
    ("http-api-key", _SCHEME, {"type": "httpApiKey", "name": "k", "in": "cookie"}),
    ("http-api-key-without-name", _SCHEME, {"type": "httpApiKey", "in": "query"}),
    ("http-bearer", _SCHEME, {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),
    ("http-basic-with-bearer-format", _SCHEME, {"type": "http", "scheme": "basic", "bearerFormat": "JWT"}),
    ("http-without-scheme", _SCHEME, {"type": "http"}),
    ("open-id", _SCHEME, {"type": "openIdConnect", "openIdConnectUrl": "https://harbour.example/openid"}),
    ("open-id-relative", _SCHEME, {"type": "openIdConnect", "openIdConnectUrl": "openid"}),
    ("scheme-with-own-key", _SCHEME, {"type": "symmetricEncryption", "x-a": 1}),
    ("flow-of-no-kind", f"{_FLOWS}/deviceCode", {}),
    ("flow-without-scopes", f"{_FLOWS}/password", {"tokenUrl": "https://harbour.example/token"}),
    (
        "flow-with-a-foreign-url",
        f"{_FLOWS}/password",
        {"authorizationUrl": "https://harbour.example/a", "tokenUrl": "https://h.example/t"},
    ),
    ("no-flows", "components/securitySchemes/bridge", {"type": "oauth2"}),
    ("components-key-unknown", "components/things", {}),
    ("schema-name-with-blank", "components/schemas/my ship", {"type": "object"}),
    ("correlation-location", "components/messages/arrived/correlationId/location", "$message.body#/id"),
    ("correlation-without-location", "components/messages/arrived/correlationId", {"description": "id"}),
    ("message-key-unknown", "components/messages/arrived/colour", "blue"),
    ("message-name-is-a-list", "components/messages/arrived/name", ["arrived"]),
    ("message-tags-repeat-whole", "components/messages/arrived/tags", [{"name": "a"}, {"name": "a"}]),
    ("tag-without-name", "components/messages/arrived/tags", [{"description": "a"}]),
    ("tag-key-unknown", "components/messages/arrived/tags", [{"name": "a", "colour": "blue"}]),
    ("docs-without-url", "components/messages/arrived/externalDocs", {"description": "a"}),
    ("example-key-unknown", "components/messages/arrived/examples", [{"payload": {"berth": "b"}, "value": 1}]),
    ("example-headers-are-text", "components/messages/arrived/examples", [{"headers": "a"}]),
    ("headers-are-text", "components/messages/arrived/headers", "trace"),
    ("schema-type-unknown", "components/schemas/ship/type", "text"),
    ("schema-type-repeats", "components/schemas/ship/type", ["string", "string"]),
    ("schema-required-is-true", "components/schemas/ship/required", True),
    ("schema-enum-is-text", "components/schemas/ship/enum", "a"),
    ("schema-minimum-is-text", "components/schemas/ship/minimum", "1"),
    ("schema-exclusive-minimum-of-draft-4", "components/schemas/ship/exclusiveMinimum", True),
    ("schema-length-below-zero", "components/schemas/ship/minLength", -1),
    ("schema-length-with-fraction", "components/schemas/ship/maxLength", 2.0),
    ("schema-multiple-of-zero", "components/schemas/ship/multipleOf", 0),
    ("schema-all-of-nothing", "components/schemas/ship/allOf", []),
    ("schema-one-of-a-mapping", "components/schemas/ship/oneOf", {"a": {}}),
    ("schema-pattern-broken", "components/schemas/ship/pattern", "[a-z"),
    ("schema-pattern-of-unicode", "components/schemas/ship/pattern", "^\\p{L}+$"),
    ("schema-properties-are-a-list", "components/schemas/ship/properties", [{"a": {}}]),
    ("schema-items-are-a-list", "components/schemas/ship/items", [{"type": "string"}]),
    ("schema-items-are-nothing", "components/schemas/ship/items", []),
    ("schema-additional-is-true", "components/schemas/ship/additionalProperties", True),
    ("schema-additional-is-text", "components/schemas/ship/additionalProperties", "no"),
    ("schema-key-unknown", "components/schemas/ship/nullable", True),
    ("schema-discriminator", "components/schemas/ship/discriminator", "kind"),
    ("schema-discriminator-of-openapi", "components/schemas/ship/discriminator", {"propertyName": "kind"}),
    ("schema-docs-are-text", "components/schemas/ship/externalDocs", "https://harbour.example"),
    ("schema-deprecated-is-text", "components/schemas/ship/deprecated", "yes"),
    ("schema-deep-inside", "components/schemas/ship/properties/berth/anyOf", [{"type": "strin"}]),
    ("schema-dependencies", "components/schemas/ship/dependencies", {"a": ["b"], "c": {"type": "object"}}),
    ("schema-dependencies-are-text", "components/schemas/ship/dependencies", {"a": "b"}),
    ("schema-is-true", "components/schemas/ship", True),
    ("schema-is-text", "components/schemas/ship", "object"),
    ("reference-to-nothing", "components/messages/arrived/payload", {"$ref": "#/components/schemas/shop"}),
    ("reference-to-itself", "components/schemas/ship/properties/next", {"$ref": "#/components/schemas/ship"}),
    ("reference-outside-components", "components/messages/arrived/payload", {"$ref": "#/x-ship"}),
    ("content-type-is-a-number", "defaultContentType", 1),
    ("version-unknown-minor", "asyncapi", "2.9.0"),
    ("version-short", "asyncapi", "2.6"),
    ("version-is-old", "asyncapi", "1.2.0"),
    ("version-is-a-number", "asyncapi", 3.0),
)
_ONLY2 = (
    ("no-channels", "channels", GONE),
    ("no-url", "servers/main/url", GONE),
    ("host-of-3", "servers/main/host", "a.example"),
    ("operations-of-3", "operations", {}),
    ("address-of-3", f"{_CHANNEL2}/address", "ships"),
    ("channel-with-blank", "channels/two words", {}),
    ("channel-with-query", "channels/ships?all=1", {}),
    ("channel-with-wildcard", "channels/ships.>", {}),
    ("channel-with-hyphen-in-parameter", "channels/ships.{the-berth}", {"parameters": {"the-berth": {}}}),
    ("channel-by-reference", "channels/spare", {"$ref": "#/x-channel"}),
    ("channel-server-unknown", f"{_CHANNEL2}/servers", ["other"]),
    ("channel-servers-repeat", f"{_CHANNEL2}/servers", ["main", "main"]),
    ("parameter-undeclared", "channels/a.{b}.{c}", {"parameters": {"b": {}}}),
    ("parameter-unused", "channels/a.{b}", {"parameters": {"b": {}, "c": {}}}),
    ("parameter-unused-without-any", "channels/a", {"parameters": {"c": {}}}),
    ("parameters-missing", "channels/a.{b}", {}),
    ("parameter-key-unknown", f"{_CHANNEL2}/parameters/berth/enum", ["b1"]),
    ("parameter-location", f"{_CHANNEL2}/parameters/berth/location", "$payload"),
    ("parameter-by-reference", f"{_CHANNEL2}/parameters/berth", {"$ref": "#/components/parameters/berth"}),
    ("operation-key-unknown", f"{_CHANNEL2}/publish/action", "send"),
    ("operation-by-reference", f"{_CHANNEL2}/publish", {"$ref": "#/x-operation"}),
    ("operation-ids-repeat", f"{_CHANNEL2}/subscribe/operationId", "onShip"),
    ("message-ids-repeat", f"{_CHANNEL2}/subscribe/message", {"messageId": "arrived"}),
    ("message-used-twice", f"{_CHANNEL2}/subscribe/message", {"$ref": "#/components/messages/arrived"}),
    ("message-choice-with-more", f"{_CHANNEL2}/subscribe/message", {"oneOf": [], "name": "a"}),
    ("message-choice-is-a-mapping", f"{_CHANNEL2}/subscribe/message", {"oneOf": {}}),
    ("message-is-a-list", f"{_CHANNEL2}/subscribe/message", []),
    ("headers-of-text", f"{_MESSAGE2}/headers", {"type": "string"}),
    ("headers-without-type", f"{_MESSAGE2}/headers", {"properties": {}}),
    ("payload-of-unknown-format", f"{_MESSAGE2}", {"schemaFormat": "text/x-own", "payload": {"type": "anything"}}),
    ("payload-is-text", f"{_MESSAGE2}/payload", "a"),
    (
        "payload-draft-7",
        f"{_MESSAGE2}",
        {"schemaFormat": "application/schema+json;version=draft-07", "payload": {"type": 5}},
    ),
    ("bindings-are-anything", f"{_CHANNEL2}/bindings", {"kafka": {"partitions": "many"}, "carrier": {"pigeons": 3}}),
    ("bindings-are-text", f"{_CHANNEL2}/bindings", "kafka"),
    ("security-undeclared", "servers/main/security", [{"captain": []}]),
    ("security-scope-unknown", "servers/main/security", [{"bridge": ["ships:sink"]}]),
    ("security-is-a-mapping", "servers/main/security", {"crew": []}),
    ("tags-repeat", "tags", [{"name": "a", "description": "one"}, {"name": "a", "description": "two"}]),
    (
        "tags-repeat-in-trait",
        "components/operationTraits/kafka/tags",
        [{"name": "a"}, {"name": "a", "description": "b"}],
    ),
    ("tag-by-reference", "tags", [{"$ref": "#/x-tag"}]),
    ("trait-by-reference", f"{_CHANNEL2}/publish/traits", [{"$ref": "#/components/operationTraits/kafka"}]),
    ("trait-shelf-by-reference", "components/operationTraits/more", {"$ref": "#/components/operationTraits/kafka"}),
    ("trait-with-message", f"{_CHANNEL2}/publish/traits", [{"message": {}}]),
    ("trait-key-unknown", "components/messageTraits/plain/payload", {}),
)
_ONLY3 = (
    ("no-channels", "channels", GONE),
    ("no-host", "servers/main/host", GONE),
    ("url-of-2", "servers/main/url", "a.example"),
    ("publish-of-2", "channels/ships/publish", {}),
    ("tags-of-2", "tags", []),
    ("address-is-a-number", "channels/ships/address", 5),
    ("channel-key-with-query", "channels/ships?", {"address": "a"}),
    ("channel-server-elsewhere", "channels/ships/servers", [{"$ref": "#/components/servers/spare"}]),
    ("channel-servers-are-names", "channels/ships/servers", ["main"]),
    ("parameter-undeclared", "channels/ships/address", "ships.{berth}.{pier}"),
    ("parameter-unused", "channels/ships/address", "ships"),
    ("parameter-without-address", "channels/ships/address", None),
    ("parameters-missing", "channels/ships/parameters", GONE),
    ("parameter-schema-of-2", "channels/ships/parameters/berth", {"schema": {"type": "string"}}),
    ("parameter-enum-of-numbers", "channels/ships/parameters/berth/enum", [1, 2]),
    ("message-id-of-2", "channels/ships/messages/left/messageId", "left"),
    ("message-format-of-2", "channels/ships/messages/left/schemaFormat", "application/schema+json;version=draft-07"),
    ("message-is-text", "channels/ships/messages/left", "left"),
    ("payload-avro", "channels/ships/messages/left/payload", {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {"type": "record", "name": "Ship", "fields": [{"name": "berth", "type": ["null", "string"]}]}}),
    ("payload-avro-without-fields", "channels/ships/messages/left/payload", {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {"type": "record", "name": "Ship"}}),
    ("payload-avro-of-another-version", "channels/ships/messages/left/payload", {"schemaFormat": "application/vnd.apache.avro;version=1.8.2", "schema": {"type": "rec"}}),
    ("payload-openapi", "channels/ships/messages/left/payload", {"schemaFormat": "application/vnd.oai.openapi;version=3.0.0", "schema": {"type": "object", "nullable": True}}),
    ("payload-openapi-with-type-list", "channels/ships/messages/left/payload", {"schemaFormat": "application/vnd.oai.openapi;version=3.0.0", "schema": {"type": ["object"]}}),
    ("payload-with-schema-alone", "channels/ships/messages/left/payload", {"schema": {"type": "thing"}}),
    ("payload-format-is-a-number", "channels/ships/messages/left/payload", {"schemaFormat": 1, "schema": {}}),
    ("example-empty", "components/messages/arrived/examples", [{"name": "a"}]),
    ("action-unknown", "operations/onShip/action", "publish"),
    ("no-action", "operations/onShip/action", GONE),
    ("no-channel", "operations/onShip/channel", GONE),
    ("operation-key-unknown", "operations/onShip/message", {}),
    ("operation-channel-inline", "operations/tellShip/channel", {"address": "told"}),
    ("operation-channel-of-the-shelf", "operations/tellShip/channel", {"$ref": "#/components/channels/spare"}),
    ("operation-channel-is-text", "operations/tellShip/channel", "ships"),
    ("operation-message-of-the-shelf", "operations/onShip/messages", [{"$ref": "#/components/messages/arrived"}]),
    ("operation-message-of-another-channel", "operations/onShip/messages", [{"$ref": "#/channels/answers/messages/told"}]),
    ("operation-messages-none", "operations/onShip/messages", []),
    ("operation-security-by-name", "operations/onShip/security", [{"crew": []}]),
    ("reply-key-unknown", "operations/onShip/reply/timeout", 5),
    ("reply-location", "operations/onShip/reply/address/location", "somewhere"),
    ("reply-address-by-reference", "operations/onShip/reply/address", {"$ref": "#/components/replyAddresses/answer"}),
    ("trait-with-action", "operations/onShip/traits", [{"action": "send"}]),
    ("trait-with-channel", "operations/onShip/traits", [{"channel": {"$ref": "#/channels/ships"}}]),
    ("info-tags-repeat", "info/tags", [{"name": "a"}, {"name": "a"}]),
    ("info-tags-share-a-name", "info/tags", [{"name": "a", "description": "one"}, {"name": "a"}]),
    ("info-x-linkedin", "info/x-linkedin", "harbour"),
    ("shelf-key-with-blank", "components/channels", {"a b": {"addres": "a"}}),
    ("shelf-of-operations", "components/operations", {"spare": {"action": "send", "channel": {"$ref": "#/channels/ships"}}}),
    ("shelf-of-replies", "components/replies", {"a": {"channels": []}}),
    ("shelf-of-docs", "components/externalDocs", {"a": {"url": "none"}}),
    ("binding-protocol-unknown", "channels/ships/bindings", {"pigeon": {}}),
    ("binding-protocol-reserved", "channels/ships/bindings", {"nats": {"anything": 1}}),
    ("binding-version-old", "channels/ships/bindings/kafka/bindingVersion", "0.1.0"),
    ("binding-key-unknown", "channels/ships/bindings/kafka/retention", 5),
    ("binding-value", "channels/ships/bindings/kafka/partitions", 0),
    ("binding-topic-configuration", "channels/ships/bindings/kafka/topicConfiguration", {"cleanup.policy": ["compact"], "flush.ms": 1}),
    ("binding-topic-configuration-0.4", "channels/ships/bindings/kafka", {"bindingVersion": "0.4.0", "topicConfiguration": {"flush.ms": 1}}),
    ("binding-topic-configuration-0.3", "channels/ships/bindings/kafka", {"bindingVersion": "0.3.0", "topicConfiguration": {}}),
    ("binding-amqp-queue", "channels/ships/bindings", {"amqp": {"is": "queue", "queue": {"name": "ships", "durable": True}}}),
    ("binding-amqp-queue-missing", "channels/ships/bindings", {"amqp": {"is": "queue"}}),
    ("binding-amqp-both", "channels/ships/bindings", {"amqp": {"is": "queue", "queue": {}, "exchange": {}}}),
    ("binding-amqp-exchange-type", "channels/ships/bindings", {"amqp": {"is": "routingKey", "exchange": {"type": "round"}}}),
    ("binding-pulsar", "channels/ships/bindings", {"pulsar": {"namespace": "sea", "persistence": "persistent"}}),
    ("binding-pulsar-incomplete", "channels/ships/bindings", {"pulsar": {"namespace": "sea"}}),
    ("binding-sqs", "channels/ships/bindings", {"sqs": {"queue": {"name": "ships", "fifoQueue": False}}}),
    ("binding-sqs-incomplete", "channels/ships/bindings", {"sqs": {"queue": {"name": "ships"}}}),
    ("binding-sns", "channels/ships/bindings", {"sns": {"name": "ships", "policy": {"statements": [{"effect": "Allow", "principal": "*", "action": "sns:Publish"}]}}}),
    ("binding-sns-effect", "channels/ships/bindings", {"sns": {"name": "ships", "policy": {"statements": [{"effect": "Perhaps", "principal": "*", "action": "a"}]}}}),
    ("binding-pubsub", "channels/ships/bindings", {"googlepubsub": {"schemaSettings": {"encoding": "json", "name": "projects/a/schemas/b"}}}),
    ("binding-pubsub-of-0.1", "channels/ships/bindings", {"googlepubsub": {"topic": "projects/a/topics/b"}}),
    ("binding-ws", "channels/ships/bindings", {"ws": {"method": "GET", "query": {"type": "object"}}}),
    ("binding-ws-method", "channels/ships/bindings", {"ws": {"method": "PUT"}}),
    ("binding-jms", "channels/ships/bindings", {"jms": {"destination": "ships", "destinationType": "fifo-queue"}}),
    ("binding-ibmmq-topic", "channels/ships/bindings", {"ibmmq": {"destinationType": "topic", "topic": {"string": "ships"}}}),
    ("binding-ibmmq-mixed", "channels/ships/bindings", {"ibmmq": {"destinationType": "queue", "topic": {"string": "ships"}}}),
    ("binding-anypoint", "channels/ships/bindings", {"anypointmq": {"destination": "ships", "destinationType": "exchange"}}),
    ("binding-solace", "operations/onShip/bindings", {"solace": {"destinations": [{"destinationType": "queue", "queue": {"name": "ships", "accessType": "exclusive"}}]}}),
    ("binding-solace-without-type", "operations/onShip/bindings", {"solace": {"destinations": [{"queue": {"name": "ships"}}]}}),
    ("binding-solace-own-key", "operations/onShip/bindings", {"solace": {"x-a": 1}}),
    ("binding-nats", "operations/onShip/bindings", {"nats": {"queue": "ships", "bindingVersion": "0.1.0"}}),
    ("binding-mqtt", "operations/onShip/bindings", {"mqtt": {"qos": 1, "retain": False, "messageExpiryInterval": 60}}),
    ("binding-mqtt-qos", "operations/onShip/bindings", {"mqtt": {"qos": 3}}),
    ("binding-http", "operations/onShip/bindings", {"http": {"method": "GET", "query": {"type": "object"}}}),
    ("binding-http-of-0.1", "operations/onShip/bindings", {"http": {"type": "request", "method": "GET"}}),
    ("binding-sns-consumers", "operations/onShip/bindings", {"sns": {"consumers": [{"protocol": "sqs", "endpoint": {"name": "ships"}, "rawMessageDelivery": True}]}}),
    ("binding-sns-consumers-incomplete", "operations/onShip/bindings", {"sns": {"consumers": [{"protocol": "sqs", "endpoint": {"name": "ships"}}]}}),
    ("binding-group-is-text", "operations/onShip/bindings/kafka/groupId", "harbour-v1"),
    ("binding-ros2", "operations/onShip/bindings", {"ros2": {"role": "subscriber", "node": "/harbour"}}),
    ("binding-message-key", "components/messages/arrived/bindings", {"kafka": {"key": {"type": "string"}}}),
    ("binding-message-key-is-text", "components/messages/arrived/bindings", {"kafka": {"key": "ship"}}),
    ("binding-server-mqtt", "servers/main/bindings", {"mqtt": {"clientId": "a", "keepAlive": 5, "lastWill": {"qos": 2}}}),
    ("binding-server-jms", "servers/main/bindings", {"jms": {"clientID": "a"}}),
    ("binding-by-reference", "channels/ships/bindings", {"$ref": "#/components/channelBindings/none"}),
)  # fmt: skip
_ASIDE: Document = {
    "x-info": {"title": "Harbour", "version": "1"},
    "x-ship": {"type": "ship"},
    "x-channel": {"description": "spare"},
    "x-operation": {"operationId": "onShip"},
    "x-tag": {"name": "a"},
}
"""What the changes refer to beside the components."""

_DEEP = {
    "bindings": {"kafka": {"clientId": {"type": "string", "const": "trait"}}},
    "summary": "of the trait",
    "x-level": {"a": 1, "b": {"c": 2}},
}
_OWN = {
    "bindings": {"kafka": {"clientId": {"const": "own"}}},
    "summary": "of its own",
    "x-level": {"a": None, "b": {"d": 3}},
}
_TRAITS = (
    ("one-trait", [_DEEP], {}),
    ("trait-against-own", [_DEEP], _OWN),
    ("two-traits", [_DEEP, {"summary": "of the second", "x-level": {"b": {"c": 4}}}], {}),
    ("two-traits-against-own", [_DEEP, {"summary": "of the second", "x-level": {"b": {"c": 4}}}], _OWN),
    ("lists-are-taken-whole", [{"tags": [{"name": "a"}, {"name": "b"}]}], {"tags": [{"name": "c"}]}),
    ("empty-in-the-trait", [{"x-level": {"a": None}, "description": "of the trait"}], {"x-level": {"a": 1, "b": 2}}),
    ("trait-by-reference", [{"$ref": "#/components/operationTraits/kafka"}], {"bindings": {"kafka": {"groupId": {"type": "string"}}}}),
)  # fmt: skip
_MESSAGE_TRAITS = (
    ("message-headers", [{"headers": {"type": "object", "properties": {"a": {"type": "string"}}}}], {"headers": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}}}),
    ("message-name", [{"name": "of-the-trait", "contentType": "text/plain"}], {"name": "own", "title": "Own"}),
    ("message-two-traits", [{"title": "one", "x-a": {"b": 1}}, {"title": "two", "x-a": {"c": 2}}], {"x-a": {"d": 3}}),
    ("message-by-reference", [{"$ref": "#/components/messageTraits/plain"}], {"contentType": "application/json"}),
)  # fmt: skip


def documents() -> dict[str, Document]:
    """Every document by its name, `VERSION/WHAT`."""
    found: dict[str, Document] = {}
    for version, document in _wholes():
        found[f"{version}/whole"] = document
        found[f"{version}/least"] = {
            "asyncapi": version,
            "info": {"title": "Harbour", "version": "1"},
            **({"channels": {}} if version < "3" else {}),
        }
        found |= _with_traits(version, document)
    shelf = {"x-server": {"url": "a.example", "protocol": "kafka"}, "x-site": {"default": "north"}}
    for minor in MINORS2:
        document = whole2(minor)
        document["components"] |= shelf
        for name, place, value in _LATER2:
            found[f"2.{minor}.0/{name}"] = changed(document, place, value)
    for version, document, table in (
        ("2.6.0", whole2(6), (*_SHARED, *_ONLY2)),
        ("2.0.0", whole2(0), _ONLY2[-20:]),
        ("3.0.0", whole3(0), (*_SHARED, *_ONLY3)),
        ("3.1.0", whole3(1), _ONLY3),
    ):
        for name, place, value in table:
            found[f"{version}/{name}"] = changed(document | _ASIDE, place, value)
    return found


def _wholes() -> Iterator[tuple[str, Document]]:
    for version in VERSIONS:
        minor = int(version[2])
        yield version, whole2(minor) if version < "3" else whole3(minor)


def _with_traits(version: str, document: Document) -> dict[str, Document]:
    """Documents whose operations and messages have traits."""
    three = version >= "3"
    operation = "operations/onShip" if three else f"{_CHANNEL2}/publish"
    message = "components/messages/arrived"
    found: dict[str, Document] = {}
    for place, table in ((operation, _TRAITS), (message, _MESSAGE_TRAITS)):
        for name, traits, own in table:
            with_traits = changed(document, f"{place}/traits", traits)
            for key, value in own.items():
                with_traits = changed(with_traits, f"{place}/{key}", value)
            found[f"{version}/traits/{name}"] = with_traits
    return found
