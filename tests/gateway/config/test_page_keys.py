"""The section `page`: users with tokens in files that only the service may read, found beside the configuration."""

import pytest

from gateway.config.fault import ConfigError
from gateway.config.loader import load

HEAD = "gateway: {site: s, name: g}\nuplink: {url: mqtt://b}\n"
USER = "{name: anna, token_file: tokens/anna, may: operate}"


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "tokens" / "anna"
    path.parent.mkdir()
    path.write_text("a" * 32)
    path.chmod(0o600)
    return path


def faults(path):
    with pytest.raises(ConfigError) as wrong:
        load(path)
    return [(each.path, each.text) for each in wrong.value.faults]


def test_a_page(tmp_path, token):
    """Paths are relative to the file; everything else has its default; without the section there is none."""
    path = tmp_path / "gateway.yaml"
    path.write_text(HEAD)
    assert load(path).page is None
    path.write_text(f"{HEAD}page: {{users: [{USER}]}}\n")
    page = load(path).page

    assert (page.listen, page.hosts, page.trend_bytes) == ("127.0.0.1:9300", (), 4 * 1024 * 1024)
    assert [(user.name, user.token_file, user.may) for user in page.users] == [("anna", token, "operate")]


def test_what_a_token_must_be(tmp_path, token):
    """There, for nobody else to read, and long; each user once, and one at least."""
    path = tmp_path / "gateway.yaml"
    path.write_text(f"{HEAD}page: {{users: [{USER}, {USER}]}}\n")
    assert faults(path) == [
        ("page.users[1].name", "user 'anna' is there already; each needs a name of its own"),
    ]
    path.write_text(f"{HEAD}page: {{users: [{USER}]}}\n")
    token.chmod(0o644)
    assert "lets others at the secret" in faults(path)[0][1]
    token.chmod(0o600)
    token.write_text("short")
    assert [where for where, _ in faults(path)] == ["page.users[0].token_file"]
    token.unlink()
    assert [where for where, _ in faults(path)] == ["page.users[0].token_file"]
    path.write_text(f"{HEAD}page: {{users: []}}\n")
    assert [where for where, _ in faults(path)] == ["page.users"]
    path.write_text(f"{HEAD}page: {{}}\n")
    assert [where for where, _ in faults(path)] == ["page.users"]
