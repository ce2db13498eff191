"""TLS to a device: what the operator says about it, and the context it takes (IEC 62351-3: TLS 1.2 or later)."""

import ssl
from collections.abc import Iterator
from pathlib import Path

from protocols.point import DeviceConfig
from protocols.settings import Fault, settings


@settings
class TlsDevice(DeviceConfig):
    """Keys of a device that can be reached by TLS."""

    ca_file: Path | None = None
    """Certificate authorities (PEM) that the device's certificate must come from; the system's by default."""
    cert_file: Path | None = None
    """Our certificate (PEM), where the device asks for one."""
    key_file: Path | None = None
    """Key of our certificate (PEM), readable by this service only."""
    server_name: str | None = None
    """Name in the device's certificate, where it is not the host of the url."""

    @property
    def secret_files(self) -> tuple[str, ...]:
        """Keys of files that only this service may read."""
        return ("key_file",)

    def tls_faults(self, *, tls: bool) -> Iterator[Fault]:
        """Yield what does not fit together, given whether the url asks for TLS."""
        for key in ("ca_file", "cert_file", "key_file", "server_name"):
            if getattr(self, key) is not None and not tls:
                yield (key,), f"{key} needs a tls:// url"
        if (self.cert_file is None) != (self.key_file is None):
            given, missing = ("key_file", "cert_file") if self.cert_file is None else ("cert_file", "key_file")
            yield (given,), f"{given} needs {missing} beside it"

    def tls_context(self) -> ssl.SSLContext:
        """Return a context that trusts and shows what the keys say.

        Raises:
            OSError: a file cannot be read, or is no certificate or key.
        """
        context = ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context
