"""The document of the API, OpenAPI 3.1, from the table of its paths."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway import __version__
from gateway.page import said
from gateway.page.route import TEXT_MAX, Param, Route

REF: Final = "#/components/schemas/{name}"
ALWAYS: Final = {
    400: "The question is not what belongs there.",
    421: "The host is none of ours.",
    429: "Too many wrong tokens; Retry-After says how long to wait.",
}
LOCKED: Final = {401: "Nobody is logged in, or the token is nobody's.", 403: "You may not, or another site has asked."}
FOUND: Final = {404: "There is no such point, or no report of this kind yet."}
COMMANDED: Final = {409: "It cannot be done: no such alarm, or a time that is past."}


def document(routes: Sequence[Route], cookie: str) -> Mapping[str, Any]:
    """Return it; `cookie` is the name of the one that bears a session."""
    types = {each for route in routes for each in (route.gives, route.body) if _named(each)}
    _, components = msgspec.json.schema_components([*types, said.Fault], ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    schemes = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": cookie},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "GridSentinel, the local page", "version": __version__},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": schemes},
    }


def _operation(route: Route) -> Mapping[str, Any]:
    about = (route.answer.__doc__ or "").partition("\n")[0]
    told: dict[str, Any] = {
        "operationId": route.answer.__name__,
        "summary": about,
        "security": [] if route.may == "anybody" else [{"token": []}, {"session": []}],
        "parameters": [_param(param) for param in route.params],
        "responses": dict(_responses(route)),
    }
    if route.may == "operate":
        told["parameters"].append(
            {"name": "X-GridSentinel", "in": "header", "required": True, "schema": {"const": "1"}}
        )
    if route.body is not None:
        told["requestBody"] = {"required": True, "content": _content(route.body)}
    return told


def _responses(route: Route) -> Iterable[tuple[str, Mapping[str, Any]]]:
    well: dict[str, Any] = {"description": "Done."}
    if route.gives is not None:
        well["content"] = _content(route.gives)
    yield str(route.status), well
    refused = {
        **ALWAYS,
        **LOCKED,
        **(FOUND if any(param.name == "id" for param in route.params) else {}),
        **(COMMANDED if route.may == "operate" else {}),
    }
    if route.lasting:
        yield "304", {"description": "It is what If-None-Match says."}
    for status, about in sorted(refused.items()):
        yield str(status), {"description": about, "content": _content(said.Fault)}


def _content(type_: Any) -> Mapping[str, Any]:
    schema = {"$ref": REF.format(name=type_.__name__)} if _named(type_) else {"type": "object"}
    return {"application/json": {"schema": schema}}


def _param(param: Param) -> Mapping[str, Any]:
    schema: dict[str, Any] = {
        "text": {"type": "string", "minLength": 1, "maxLength": TEXT_MAX},
        "whole": {"type": "integer", "minimum": 0, "maximum": param.most},
        "number": {"type": "number", "exclusiveMinimum": 0, "maximum": param.most},
    }[param.kind]
    needed = param.default is None
    return {
        "name": param.name,
        "in": "query",
        "description": param.about,
        "required": needed,
        "schema": schema if needed else {**schema, "default": param.default},
    }


def _named(type_: Any) -> bool:
    return isinstance(type_, type) and issubclass(type_, msgspec.Struct)
