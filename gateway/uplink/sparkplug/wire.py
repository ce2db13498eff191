"""The layout of a Sparkplug B payload for the protobuf runtime, by the table of Sparkplug 3.0 clause 6.4.1.

    Payload    timestamp 1 · metrics 2 · seq 3 · uuid 4 · body 5
    Metric     name 1 · alias 2 · timestamp 3 · datatype 4 · is_historical 5 · is_transient 6 · is_null 7 · metadata 8 ·
               properties 9 · value: int 10, long 11, float 12, double 13, boolean 14, string 15, bytes 16, dataset 17
    DataSet    num_of_columns 1 · columns 2 · types 3 · rows 4

Templates are not ours and not here; a payload that has some is read all the same, and they stay unread. The layout is
handed to the runtime as a descriptor, so that no generated code and no compiler are needed.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "sparkplug"
TYPES = {
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "float": FieldDescriptorProto.TYPE_FLOAT,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}
VALUES = ("int:uint32", "long:uint64", "float:float", "double:double", "boolean:bool", "string:string")
"""What can be a value everywhere, in the order of its field numbers."""


class DataType(IntEnum):
    """Clause 6.4.16, as far as we send them; properties of the last kind are not ours."""

    INT32 = 3
    INT64 = 4
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13
    DATA_SET = 16


class BadPayload(Exception):
    """The sender of a message must encode it differently."""


def _value(first: int, *more: str) -> Mapping[str, int]:
    """Number the members of a `oneof value`, whose names end in `_value`."""
    return {f"{member.replace(':', '_value:')}?": first + n for n, member in enumerate((*VALUES, *more))}


LAYOUT: Mapping[str, Mapping[str, int]] = {
    "Element": _value(1),
    "Row": {"elements:Element*": 1},
    "DataSet": {"num_of_columns:uint64": 1, "columns:string*": 2, "types:uint32*": 3, "rows:Row*": 4},
    "PropertyValue": {"type:uint32": 1, "is_null:bool": 2, **_value(3)},
    "PropertySet": {"keys:string*": 1, "values:PropertyValue*": 2},
    "Metric": {
        "name:string": 1,
        "alias:uint64": 2,
        "timestamp:uint64": 3,
        "datatype:uint32": 4,
        "is_historical:bool": 5,
        "is_transient:bool": 6,
        "is_null:bool": 7,
        "properties:PropertySet": 9,
        **_value(10, "bytes:bytes", "dataset:DataSet"),
    },
    "Payload": {"timestamp:uint64": 1, "metrics:Metric*": 2, "seq:uint64": 3, "uuid:string": 4, "body:bytes": 5},
}
"""NAME:TYPE to its number; `*` repeats, `?` is one of the values that exclude each other."""


def _described(name: str, fields: Mapping[str, int]) -> DescriptorProto:
    message = DescriptorProto(name=name)
    if any(key.endswith("?") for key in fields):
        message.oneof_decl.add(name="value")
    for key, number in fields.items():
        label, kind = key.rstrip("*?").split(":")
        field = message.field.add(name=label, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
        if kind in TYPES:
            field.type = TYPES[kind]
        else:
            field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
        if key.endswith("*"):
            field.label = FieldDescriptorProto.LABEL_REPEATED
        if key.endswith("?"):
            field.oneof_index = 0
    return message


def _payload_class() -> Any:
    pool = DescriptorPool()
    messages = [_described(name, fields) for name, fields in LAYOUT.items()]
    pool.Add(FileDescriptorProto(name="sparkplug.proto", package=PACKAGE, syntax="proto2", message_type=messages))
    return GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Payload"))


Payload: Any = _payload_class()
"""The class of payloads."""


def parse(body: bytes) -> Any:
    """Return the payload in `body`.

    Raises:
        BadPayload: it is none.
    """
    try:
        return Payload.FromString(body)
    except DecodeError as error:
        raise BadPayload(str(error)) from error


def numbered(body: bytes, seq: int) -> bytes:
    """Return an encoded payload with its `seq`: fields may come in any order, so it needs no second encoding."""
    return body + (bytes((0x18, seq)) if seq < 0x80 else bytes((0x18, seq & 0x7F | 0x80, seq >> 7)))


__all__ = ["BadPayload", "DataType", "Message", "Payload", "numbered", "parse"]
