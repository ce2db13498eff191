"""What a path of the API is: who may ask, what is asked, what is answered. One table of them is the document, too."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from gateway.page.users import User

TEXT_MAX: Final = 256
"""Characters of a parameter: a point is named by 129 at most."""
WHOLE: Final = re.compile(r"[0-9]{1,9}")
NUMBER: Final = re.compile(r"[0-9]{0,32}\.?[0-9]{1,32}([eE][-+]?[0-9]{1,3})?")
Kind: TypeAlias = Literal["text", "whole", "number"]


class Sorry(Exception):
    """There is no answer to it: the status, and why in words."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status, self.headers = status, headers


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was understood.

    `user` is who asks, None before a login; `peer` is his address, `key` that of his session, empty without one.
    """

    user: User | None
    peer: str
    key: str = ""
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None

    @property
    def known(self) -> User:
        """Who asks, where it is known."""
        assert self.user is not None
        return self.user


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a query; needed where it has no default."""

    name: str
    kind: Kind
    about: str
    default: Any = None
    most: float = 999_999_999

    def read(self, text: str) -> Any:
        """Return its value.

        Raises:
            Sorry: it is none.
        """
        match self.kind:
            case "text" if 0 < len(text) <= TEXT_MAX:
                return text
            case "whole" if WHOLE.fullmatch(text) and int(text) <= self.most:
                return int(text)
            case "number" if NUMBER.fullmatch(text) and 0 < float(text) <= self.most:
                return float(text)
        wanted = {"text": f"a text of 1 to {TEXT_MAX} characters", "whole": f"a whole number of 0 to {self.most:g}"}
        raise Sorry(400, f"{self.name}: {wanted.get(self.kind, f'a number above 0, at most {self.most:g}')} is needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path. `answer` is a method of the API, whose first line tells people what it does."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    answer: Callable[[Any, Asked], Awaitable[Any]]
    gives: Any
    status: int = 200
    may: Literal["anybody", "read", "operate"] = "read"
    params: Sequence[Param] = ()
    body: type[msgspec.Struct] | None = None
    lasting: bool = False
    """Whether the answer stays the same while the points do."""
    personal: bool = False
    """Whether it depends on who asks."""

    def query(self, text: str) -> Mapping[str, Any]:
        """Return the values of the parameters.

        Raises:
            Sorry: something is wrong with them.
        """
        try:
            pairs = parse_qsl(
                text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=8
            )
        except ValueError:
            raise Sorry(400, "query: not NAME=VALUE, at most eight of them, in UTF-8") from None
        given, known = dict(pairs), {param.name: param for param in self.params}
        if len(given) < len(pairs) or not given.keys() <= known.keys():
            raise Sorry(400, f"query: each of {', '.join(known) or 'no parameters'} once at most, and nothing else")
        found = {name: param.read(given[name]) if name in given else param.default for name, param in known.items()}
        missing = next((name for name, value in found.items() if value is None), None)
        if missing is not None:
            raise Sorry(400, f"{missing}: is needed")
        return found

    def read(self, body: bytes) -> Any:
        """Return what the body says.

        Raises:
            Sorry: it is not what belongs there.
        """
        if self.body is None:
            return None
        try:
            return msgspec.json.decode(body, type=self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Sorry(400, f"body: {str(error) or 'not JSON'}"[: 2 * TEXT_MAX]) from None
