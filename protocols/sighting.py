"""What was seen of who does what to whom: on the wire by the tap, or in a conversation of our own by a driver.

A sighting is an event, so it goes the way of all events; cyber checks look at it. What each kind tells:

kind          function                  facts                                               said by
talker        ""                        mac, ip; count > 1: so many more strangers          tap: an address seen first
pair          tcp, udp, GOOSE, …        answered, opened: syn | seen                        tap: who talks to whom
command       the protocol's code       action, what, items (first, last), values           tap: anything but reading
                                        MMS variables, OPC UA nodes: how many; name
query         the protocol's code       action: read | discover, what, items                tap: first of its kind
                                        commands, queries, exceptions and orphans also who
                                        is meant: unit (Modbus), outstation, master,
                                        master_new, broadcast, auth (DNP3), station, cause,
                                        originator, broadcast, deactivates, test (IEC 104)
exception     the protocol's code       code, what                                          tap, drivers
orphan        the protocol's code       why: request, unit, function, items, session,       tap, drivers
                                        sequence, late
malformed     ""                        why, fatal                                          tap, drivers
publisher     what is odd, or "new"     ref, st, sq, was, value, changed, silent_s, …;      tap: GOOSE
                                        of flags value: set or cleared
binding       ""                        ip, mac, was, sender                                tap: ARP
sweep         arp, tcp, unit, address   targets, window_s, answered                         tap: one asks many
rate          ""                        per_s                                               tap: busy pairs, each second
security      policy, mode, user,       value, was, refused: we do not take it; of login    tap, drivers: TLS, OPC UA;
              certificate, login,       also user                                           login: the local page
              version
unsolicited   class                     enabled                                             tap, drivers: DNP3
round_trip    the scan                  median_ms, count                                    the poller
identity      what                      value                                               drivers
identity      hops                      value, mac: with how many hops packets begin        tap: TCP
restart       what                      bit, uptime_s, edge: was it seen without before     tap, drivers
clock         ""                        offset_s                                            drivers
drops         ""                        dropped, of; silent_s: nothing was heard at all        tap
integrity     code, config, unit        value, version                                      the gateway itself
              audit, baseline           value: whole | broken; the detail says how

`action` of commands: write (data, set points), control (outputs), select, freeze, time, critical (restart, stop,
disable, kill), file, program, config, session; untold: so many in a second that they are told as a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from protocols.model import Event

RAW_BYTES: Final = 64
"""Bytes of a message that a sighting carries: enough for the header of any protocol here."""


@dataclass(frozen=True, slots=True)
class Sighting(Event):
    """Who (`source`) did something to whom (`target`): IP addresses, MAC addresses where there is no IP.

    `device` is that of the configuration which it concerns, or the tap that saw it. `port` is the server's, 0 without
    one. `protocol` is modbus, dnp3, mms, goose, iec104, opcua, tls, arp, ethernet, ip, tcp or udp. `function` is the
    protocol's own code as a text ("16", "DIRECT_OPERATE" is "5"), `count` how many of the same were seen since one was
    told last, `raw` the first bytes of the message. `live` is whether the gateway saw it in a conversation of its own.
    """

    source: str = ""
    target: str = ""
    port: int = 0
    protocol: str = ""
    function: str = ""
    count: int = 1
    facts: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes = b""
    live: bool = False
