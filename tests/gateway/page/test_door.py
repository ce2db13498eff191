"""Who may ask: nothing is read without a token, and no other site, name or path comes in."""

import asyncio

import pytest
from asking import asked, request, said

from gateway.page import sessions as module
from gateway.page.files import Files
from gateway.page.routes import LOGIN, ROUTES
from gateway.page.sessions import LONGEST_S, SESSIONS_MAX, SILENT_S, Sessions
from gateway.page.throttle import ADDRESSES_MAX, ALL, EACH, WITHIN_S, Throttle
from gateway.page.users import User, Users, digest

TOKENS = {"anna": "a" * 32, "ben": "b" * 32}
ALARM = "feeder1/va/limit_high"
ANNA = User("anna", may_operate=True)


async def entered(site, user="anna"):
    """Log in and return the cookie."""
    told = await asked(site.port, LOGIN, method="POST", body={"token": TOKENS[user]})
    assert told.status == 200, told
    return told.headers["set-cookie"].partition(";")[0]


async def test_nothing_is_readable_without_a_token(site):
    """No path of the document, by any method, with no token, a wrong one, or a session that is none."""
    strangers = [
        {}, {"Authorization": "Bearer "}, {"Authorization": f"Basic {TOKENS['anna']}"},
        {"Cookie": "gridsentinel-g=x"}, {"Cookie": f"gridsentinel-g={TOKENS['anna']}"}, {"Cookie": "\x7f=;;;="},
        {"X-GridSentinel": "1", "Origin": "http://127.0.0.1"},
    ]  # fmt: skip
    for path in dict.fromkeys((*(route.path for route in ROUTES), "/api/v1/nothing", "/api/", "/api/v1/status/")):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X"):
            if (path, method) == (LOGIN, "POST"):
                continue
            for stranger in strangers:
                told = await asked(site.port, path, method=method, headers=stranger)
                assert told.status in (401, 429), (path, method, stranger)
                assert b"feeder1" not in told.body


async def test_the_files_hold_no_data_and_nothing_else_is_there(site):
    """However a path is written, it is a name that is known or there is nothing."""
    for path in (
        "/assets/../serve.py", "/assets/..%2fserve.py", "/assets/%2e%2e/serve.py", "/assets/%252e%252e/serve.py",
        "/../../../../etc/passwd", "//etc/passwd", "/assets//etc/passwd", "/assets/", "/assets", "/assets/.",
        "/assets/..\\serve.py", "/assets/x%00.js", "/etc/passwd", "/.", "/..", "/%2e%2e/", "*",
        "http://127.0.0.1/api/v1/status", "/api/v1/../v1/status", "/index.html", "/serve.py", "/assets/\xc3\xa9.js",
    ):  # fmt: skip
        told = await said(site.port, request("GET", path))
        assert told.status in (400, 401, 404), path
        assert b"root:" not in told.body
        assert b"import" not in told.body


async def test_files_are_those_of_the_folder(tmp_path):
    """Of known kinds, no link to elsewhere, within their bytes; a browser asks whether it has them already."""
    folder = tmp_path / "assets"
    (folder / "more").mkdir(parents=True)
    (folder / "index.html").write_text("<p>")
    (folder / "more" / "a.js").write_text("1")
    (folder / "secret.py").write_text("1")
    (folder / "big.js").write_bytes(b"x" * 2_000_000)
    (tmp_path / "outside.js").write_text("1")
    (folder / "link.js").symlink_to(tmp_path / "outside.js")
    files = Files(folder)

    assert sorted(files.known) == ["index.html", "more/a.js"]


async def test_a_session(site):
    """A cookie for this page alone, that ends with a logout; it says who it is."""
    told = await asked(site.port, LOGIN, method="POST", body={"token": TOKENS["ben"]})
    cookie, _, how = told.headers["set-cookie"].partition("; ")
    mine = {"Cookie": f"other=1; {cookie}", "Origin": "http://127.0.0.1"}

    assert (told.json["user"], told.json["may"]) == ("ben", "read")
    assert how == f"Path=/; Max-Age={LONGEST_S}; HttpOnly; SameSite=Strict"
    assert (await site.asked("session", None, headers=mine)).json["user"] == "ben"
    assert (await site.asked("session", None, headers=mine, method="DELETE")).status == 204
    assert (await site.asked("session", None, headers=mine)).status == 401


async def test_no_other_site_lets_a_browser_act(site):
    """With the session of a user, but not from this page: nothing is done."""
    cookie = {"Cookie": await entered(site)}
    header, own = {"X-GridSentinel": "1"}, {"Origin": "http://127.0.0.1"}

    async def told(*headers):
        together = {name: value for each in (cookie, *headers) for name, value in each.items()}
        return await site.asked("alarms/ack", None, method="POST", headers=together, body={"alarm": ALARM})

    for refused in (
        (header,), (own,), (), (header, {"Origin": "http://evil.example"}), (header, {"Origin": "null"}),
        (header, {"Origin": "http://127.0.0.1.evil.example"}), (header, {"Origin": "http://127.0.0.1:1"}),
        ({"X-GridSentinel": "0"}, own),
    ):  # fmt: skip
        assert (await told(*refused)).status == 403, refused
    evil = {"Origin": "http://evil.example", **header}
    assert (await site.asked("alarms/ack", method="POST", headers=evil, body={"alarm": ALARM})).status == 403
    assert (await asked(site.port, LOGIN, method="POST", headers=evil, body={"token": TOKENS["anna"]})).status == 403
    assert not site.plant.pipeline.alarms.get(ALARM).acked
    assert (await told(header, own)).json["state"] == "active_acked"


async def test_no_other_name_leads_here(site):
    """A page of elsewhere whose name was made to lead here is told so, before anything is looked at."""
    bearer = {"Authorization": f"Bearer {TOKENS['anna']}"}
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "a b", "@"):
        told = await asked(site.port, "/api/v1/status", headers={"Host": host, **bearer})
        assert told.status in (400, 421), host
    for host in ("127.0.0.1", "127.0.0.1:9300", "localhost:1", "[::1]:9300", "[::1]", "10.0.0.7", "gw.example:443"):
        assert (await asked(site.port, "/api/v1/health", headers={"Host": host, **bearer})).status == 200, host


async def test_no_header_is_injected(site):
    """Nothing that is asked comes back in a header, whatever it holds."""
    for text in ("%0d%0aSet-Cookie:%20a=b", "%E5%98%8A%E5%98%8Da", "\xff"):
        for path in (f"/api/v1/point?id={text}", f"/{text}", f"/assets/{text}", f"/api/v1/{text}"):
            told = await said(site.port, request("GET", path, {"Authorization": f"Bearer {TOKENS['anna']}"}))
            assert "set-cookie" not in told.headers
            assert told.status in (0, 400, 404), path


async def test_bodies_that_are_none(site):
    """They are refused in words, however deep they are."""
    for body in (
        b"", b"{", b"[" * 4096, b'{"a":' * 800, b"null", b"1e999", b'"\xff"', b'{"alarm":1}', b"{}", b"\xff\xfe",
        b'{"alarm":"x","alarm2":"y"}', b'{"alarm":"' + b"x" * 4000 + b'"}', b"alarm=x",
    ):  # fmt: skip
        headers = {"Authorization": f"Bearer {TOKENS['anna']}", "X-GridSentinel": "1"}
        told = await said(site.port, request("POST", "/api/v1/alarms/ack", headers, body))
        assert told.status in (400, 409), body[:20]
    assert site.page.server.faults == 0


async def test_methods(site):
    """Those that are not there are named."""
    told = await site.asked("alarms", method="POST", body={})

    assert (told.status, told.headers["allow"]) == (405, "GET")


async def test_who_guesses_waits_and_is_told_of(site):
    """After five wrong tokens none is looked at, the right one neither; it is an alarm, and in the audit log."""
    codes = [(await asked(site.port, LOGIN, method="POST", body={"token": f"{n}" * 32})).status for n in range(EACH)]
    late = await asked(site.port, LOGIN, method="POST", body={"token": TOKENS["anna"]})
    bearer = await site.asked("health")

    assert (codes, late.status, bearer.status) == ([401] * EACH, 429, 429)
    assert 0 < int(late.headers["retry-after"]) <= WITHIN_S + 1
    assert site.page.entrance.failures == EACH
    await site.until(lambda: any(each.kind == "session_security_drop" for each in site.plant.pipeline.alarms))
    await site.gateway.audit.settled()
    entries = (site.path.parent / "state" / "audit.jsonl").read_text()
    assert entries.count('"login"') == EACH
    assert not [token for token in (*TOKENS.values(), "1" * 32) if token in entries]


async def test_a_session_outlives_the_guesses_of_others(site):
    """Who is in already is not locked out."""
    cookie = {"Cookie": await entered(site)}
    for n in range(EACH):
        await asked(site.port, LOGIN, method="POST", body={"token": f"{n}" * 32})

    assert (await site.asked("health", None, headers=cookie)).status == 200


async def test_another_token_after_a_reload(site):
    """The old one is nobody's, and its sessions are over; without a change of users they go on."""
    cookie = {"Cookie": await entered(site)}
    await site.reload()
    assert (await site.asked("health", None, headers=cookie)).status == 200
    before = site.page.entrance
    (site.path.parent / "anna").write_text("c" * 32)
    await site.reload()
    await site.entrance_after(before)

    assert (await site.asked("health", None, headers=cookie)).status == 401
    assert (await site.asked("health")).status == 401
    bearer = {"Authorization": f"Bearer {'c' * 32}"}
    assert (await site.asked("health", None, headers=bearer)).status == 200


async def test_a_reload_without_the_page(site):
    """It is gone, with its port and its trends; with the section it is back."""
    text, port = site.path.read_text(), site.port
    head, _, rest = text.partition("page:")
    site.path.write_text(head + rest[rest.index("devices:") :])
    await site.reload()
    await site.until(lambda: site.page.counted() == {})
    with pytest.raises(ConnectionRefusedError):
        await asked(port, "/")
    assert (site.page.counted(), site.plant.pipeline.trends) == ({}, None)
    site.path.write_text(text)
    await site.reload()
    await site.until(lambda: site.page.server and site.page.server.port)

    assert (await site.asked("health")).status == 200


def test_sessions_end(monkeypatch):
    """After a shift, after an hour of silence, and the most silent when there are too many."""
    now_s = 0.0
    sessions = Sessions(lambda: now_s)
    key = sessions.begin(ANNA)
    while now_s < LONGEST_S:
        assert sessions.user(key) == ANNA
        now_s += SILENT_S / 2
    now_s += 1
    assert sessions.user(key) is None

    silent = sessions.begin(ANNA)
    now_s += SILENT_S + 1
    assert sessions.user(silent) is None
    keys = [sessions.begin(ANNA) for _ in range(SESSIONS_MAX)]
    assert sessions.user(keys[0]) == ANNA
    sessions.begin(ANNA)
    assert [sessions.user(key) for key in keys[:3]] == [ANNA, None, ANNA]
    assert (len(sessions), module.SESSIONS_MAX) == (SESSIONS_MAX, 64)


def test_the_throttle_forgets_and_is_bounded():
    """A minute later one may try again; many addresses together have no more guesses than all may."""
    now_s = 0.0
    throttle = Throttle(lambda: now_s)
    for _ in range(EACH):
        assert throttle.wait_s("a") == 0
        throttle.failed("a")
    assert (throttle.wait_s("a"), throttle.wait_s("b")) == (WITHIN_S, 0)
    now_s += WITHIN_S
    assert throttle.wait_s("a") == 0
    for n in range(ADDRESSES_MAX + 50):
        throttle.failed(f"{n}")
        now_s += 0.1
    assert throttle.wait_s("new") > 0
    assert (len(throttle.of), ALL) == (ADDRESSES_MAX, 50)


def test_tokens_are_known_by_their_hashes():
    """No token is kept; an empty one is nobody's."""
    users = Users(((digest("t" * 24), ANNA),))

    assert (users.of("t" * 24), users.of("T" * 24), users.of("")) == (ANNA, None, None)
    assert "t" * 24 not in repr(users)


async def test_a_crowd_of_sessions(site):
    """Logins without end are bounded, and entered within the bounds of the audit log."""
    for _ in range(3):
        await asyncio.gather(*(entered(site) for _ in range(30)))

    assert site.page.entrance.sessions == SESSIONS_MAX
