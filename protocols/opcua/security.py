"""Who may speak with whom: our certificate, the one certificate of the server, and a password that only it can read.

The server's certificate is pinned: it is compared whole, so its age and issuer do not matter, and a new one is refused
until the engineer has put it in place. Files are read at each connect: a renewed one is taken without a restart.
"""

from pathlib import Path
from typing import Any, Final

from asyncua import ua
from asyncua.crypto import security_policies
from asyncua.ua.ua_binary import Primitives
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key, load_pem_private_key

from protocols.driver import LinkLost
from protocols.opcua.config import OpcuaDevice

encrypt: Any = security_policies.encrypt_asymmetric

POLICIES: Final[dict[str, Any]] = {
    "none": security_policies.SecurityPolicyNone,
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
MODES: Final = {"sign": ua.MessageSecurityMode.Sign, "sign_and_encrypt": ua.MessageSecurityMode.SignAndEncrypt}
URI: Final = "urn:gridsentinel:gateway"
"""Name of this application where no certificate gives one."""
PEM: Final = b"-----BEGIN"
ENCRYPTING: Final = {policy.URI for name, policy in POLICIES.items() if name != "none"}


def policy_of(device: OpcuaDevice) -> Any:
    """Return a new security policy, with keys of its own, as `device` asks for it.

    Raises:
        LinkLost: a file cannot be read, or is no certificate or key.
    """
    make = POLICIES[device.security_policy]
    if device.security_policy == "none":
        return make()
    ours, server = _certificate(device, "certificate_file"), _certificate(device, "server_certificate_file")
    try:
        return make(server, ours, _key(device), MODES[device.security_mode])
    except (ValueError, TypeError, AttributeError) as error:
        raise LinkLost(f"certificates are not fit for {device.security_policy}: {error}") from None


def server_certificate(device: OpcuaDevice) -> bytes | None:
    """Return the one certificate (DER) that the server may have, or None where any will do.

    Raises:
        LinkLost: the file cannot be read, or is no certificate.
    """
    if device.server_certificate_file is None:
        return None
    return _certificate(device, "server_certificate_file").public_bytes(Encoding.DER)


def application_uri(policy: Any) -> str:
    """Return the URI that our certificate gives this application: servers compare it (OPC 10000-4 clause 6.1.3)."""
    if not policy.host_certificate:
        return URI
    certificate = x509.load_der_x509_certificate(policy.host_certificate)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise LinkLost("certificate_file has no alternative name with the URI of this application") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if not uris:
        raise LinkLost("certificate_file has no URI of this application among its alternative names")
    return str(uris[0])


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of `certificate` (DER), as `openssl x509 -fingerprint -sha256` shows it, its first half."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(certificate)
    return digest.finalize()[:16].hex(":").upper()


def user_token(device: OpcuaDevice, tokens: list[Any], policy: Any, *, certificate: bytes | None, nonce: bytes) -> Any:
    """Return the identity that `device` shows, by one of the `tokens` that the server takes.

    Raises:
        LinkLost: the server takes no such user, or would have the password in clear.
    """
    kind = ua.UserTokenType.Anonymous if device.username is None else ua.UserTokenType.UserName
    offered = [token for token in tokens if token.TokenType == kind]
    if not offered:
        raise LinkLost(
            "the server takes no " + ("anonymous user: it needs a username" if device.username is None else "password")
        )
    if device.username is None:
        return ua.AnonymousIdentityToken(PolicyId=offered[0].PolicyId)
    for token in offered:
        uri = token.SecurityPolicyUri or policy.URI
        if uri in ENCRYPTING and certificate:
            return _encrypted(device, token.PolicyId, uri, certificate, nonce)
    if policy.Mode != ua.MessageSecurityMode.SignAndEncrypt:
        raise LinkLost("the server would have the password in clear: use security_mode sign_and_encrypt")
    return ua.UserNameIdentityToken(PolicyId=offered[0].PolicyId, UserName=device.username, Password=_password(device))


def _encrypted(device: OpcuaDevice, policy_id: str, uri: str, certificate: bytes, nonce: bytes) -> Any:
    """Return a token whose password only the owner of `certificate` can read (OPC 10000-4 clause 7.40.2.2)."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    if not isinstance(key, RSAPublicKey):
        raise LinkLost("server_certificate_file has no RSA key")
    secret, algorithm = encrypt(key, Primitives.Bytes.pack(_password(device) + nonce), uri)
    return ua.UserNameIdentityToken(
        PolicyId=policy_id, UserName=device.username, Password=secret, EncryptionAlgorithm=algorithm
    )


def _password(device: OpcuaDevice) -> bytes:
    assert device.password_file is not None
    return _read(device.password_file, "password_file").rstrip(b"\r\n")


def _certificate(device: OpcuaDevice, key: str) -> x509.Certificate:
    path = getattr(device, key)
    data = _read(path, key)
    try:
        return x509.load_pem_x509_certificate(data) if PEM in data else x509.load_der_x509_certificate(data)
    except ValueError:
        raise LinkLost(f"{key} {path} is no certificate in PEM or DER") from None


def _key(device: OpcuaDevice) -> RSAPrivateKey:
    assert device.key_file is not None
    data = _read(device.key_file, "key_file")
    try:
        key = load_pem_private_key(data, None) if PEM in data else load_der_private_key(data, None)
    except (ValueError, TypeError):
        raise LinkLost(f"key_file {device.key_file} is no key without a passphrase in PEM or DER") from None
    if not isinstance(key, RSAPrivateKey):
        raise LinkLost(f"key_file {device.key_file} is no RSA key; the security policies of OPC UA need one")
    return key


def _read(path: Path, key: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LinkLost(f"{key} {path}: {error.strerror}") from None
