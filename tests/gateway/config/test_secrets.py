"""Files with secrets: there, readable by the service, and by nobody else."""

import os
from pathlib import Path

import pytest

UPLINK = "gateway: {site: a, name: b}\nuplink: {url: mqtt://h, username: u, password_file: FILE}\n"
AT = "gateway.yaml:2:53: uplink.password_file: "


@pytest.fixture
def password(said):
    """Return the password file beside the configuration, as it should be."""
    path = Path("password")
    path.write_text("secret")
    path.chmod(0o600)
    return path


def test_a_secret_of_its_owner_is_well(said, password):
    """0600 is the mode of a secret; the file is found beside the configuration."""
    assert said(UPLINK.replace("FILE", "password")) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700 | 0o010])
def test_a_secret_that_others_can_read_is_refused(said, password, mode):
    """Any right of group or world on a secret is a fault that names the command which mends it."""
    password.chmod(mode)

    assert said(UPLINK.replace("FILE", "password")) == [
        f"{AT}password: mode {mode:04o} lets others at the secret: chmod 600 password"
    ]


def test_a_secret_is_a_small_regular_file(said, password):
    """A directory, a pipe or a large file is no password."""
    Path("large").write_bytes(bytes(65_537))
    Path("folder").mkdir()
    os.mkfifo("pipe")

    assert said(UPLINK.replace("FILE", "large")) == [f"{AT}large: file of 65537 bytes is over 65536"]
    assert said(UPLINK.replace("FILE", "folder")) == [f"{AT}folder: this is no regular file"]
    assert said(UPLINK.replace("FILE", "pipe")) == [f"{AT}pipe: this is no regular file"]


def test_a_secret_must_be_readable(said, password, monkeypatch):
    """A secret that this user may not read is a fault before the start, not after it."""
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert said(UPLINK.replace("FILE", "password")) == [f"{AT}password: this user may not read the file"]


def test_credentials_of_systemd_may_show_group_bits(said, password, monkeypatch, tmp_path):
    """The access list by which systemd guards a credential shows its mask as the rights of the group."""
    password.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert said(UPLINK.replace("FILE", str(tmp_path / "password"))) == []


def test_credentials_must_exist_for_the_service(said, monkeypatch):
    """Only the service sees its credentials: within it a missing one is a fault, outside it is not looked for."""
    text = UPLINK.replace("FILE", "/run/credentials/gridsentinel.service/no")

    assert said(text) == []
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/gridsentinel.service")
    assert said(text) == [f"{AT}/run/credentials/gridsentinel.service/no: no such file"]
