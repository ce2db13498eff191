"""BER headers (ITU-T X.690 clause 8.1) for GOOSE and MMS: guarded before every read; contents stay in place."""


class Malformed(Exception):
    """The bytes are not what the protocol allows. Says in a word or two why; no text of the peer is in it."""


def tlv(data: bytes, at: int, end: int, *, cut: bool = False) -> tuple[int, int, int]:
    """Return the tag at `at`, where its contents begin and where they end, `end` at the latest.

    A tag of two bytes is returned as one number of sixteen bits. `cut` says that the end of the message was not kept,
    so contents may go on beyond `end`.

    Raises:
        Malformed: there is no such element.
    """
    if at + 2 > end:
        raise Malformed("element cut off")
    tag, length = data[at], data[at + 1]
    at += 2
    if tag & 0x1F == 0x1F:
        if length > 0x7F or at >= end:
            raise Malformed("tag of more than two bytes")
        tag, length = tag << 8 | length, data[at]
        at += 1
    if length > 0x7F:
        width = length & 0x7F
        if not 0 < width <= 4 or at + width > end:
            raise Malformed("length of an element")
        length = int.from_bytes(data[at : at + width], "big")
        at += width
    stop = at + length
    if stop > end:
        if not cut:
            raise Malformed("element longer than what holds it")
        stop = end
    return tag, at, stop


def unsigned(data: bytes) -> int:
    """Return an unsigned number of at most eight bytes; a leading zero byte is allowed.

    Raises:
        Malformed: it is longer, or there is none.
    """
    if not 0 < len(data) <= 9:
        raise Malformed("size of a number")
    return int.from_bytes(data, "big")
