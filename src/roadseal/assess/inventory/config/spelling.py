"""The languages in which configurations name algorithms: OpenSSL, OpenSSH, strongSwan and others.

What is excluded (``!RC4``, ``-aes128-cbc``) is not in use. A keyword that stands for many
algorithms (``HIGH``) names none: it stays in the finding's excerpt. One for a single weak one does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from roadseal.assess.inventory import cipher_suite, identifiers
from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.finding import AlgorithmUse, Role

Uses = list[AlgorithmUse]

TLS_VERSIONS: Final = {
    "sslv2": "SSL 2.0", "sslv3": "SSL 3.0", "tlsv1": "TLS 1.0", "tlsv1.0": "TLS 1.0",
    "tlsv10": "TLS 1.0", "tlsv1.1": "TLS 1.1", "tlsv11": "TLS 1.1", "tlsv1.2": "TLS 1.2",
    "tlsv12": "TLS 1.2", "tlsv1.3": "TLS 1.3", "tlsv13": "TLS 1.3", "1.0": "TLS 1.0",
    "1.1": "TLS 1.1", "1.2": "TLS 1.2", "1.3": "TLS 1.3", "dtlsv1": "DTLS 1.0",
    "dtlsv1.2": "DTLS 1.2",
}  # fmt: skip


def named(names: Iterable[str], role: Role) -> Uses:
    """Uses of `names`: the first is what is asked for, the others are allowed."""
    unique = list(dict.fromkeys(names))
    return [AlgorithmUse(name, role, preferred=name == unique[0]) for name in unique]


def _once(uses: Iterable[AlgorithmUse]) -> Uses:
    """Each algorithm once in a role: what is asked for is not allowed besides."""
    unique: dict[tuple[str, Role], AlgorithmUse] = {}
    for use in uses:
        unique.setdefault((use.name, use.role), use)
    return list(unique.values())


def suites(text: str) -> Uses:
    """Named suites of an OpenSSL cipher string, ciphers(1); what is excluded is not in use."""
    every = [one for one in re.split(r"[:, ]+", text) if one]
    dropped = {one[1:] for one in every if one[0] in "!-"}
    elements = [one for one in every if one[0] not in "!-+@" and one not in dropped]
    uses = _of_suites(cipher_suite.from_name(one) for one in elements)
    weak = [_KEYWORDS[one] for one in elements if one in _KEYWORDS]
    return uses + [AlgorithmUse(*each, preferred=not uses) for each in weak]


_KEYWORDS: Final = {  # that stand for one algorithm which nobody should ask for, ciphers(1)
    "NULL": ("null", Role.ENCRYPTION), "eNULL": ("null", Role.ENCRYPTION),
    "COMPLEMENTOFALL": ("null", Role.ENCRYPTION), "aNULL": ("anonymous", Role.LIVE_AUTHENTICATION),
    "ADH": ("anonymous", Role.LIVE_AUTHENTICATION), "RC4": ("rc4-128", Role.ENCRYPTION),
    "AECDH": ("anonymous", Role.LIVE_AUTHENTICATION), "3DES": ("3des-cbc", Role.ENCRYPTION),
    "DES": ("des-cbc", Role.ENCRYPTION), "IDEA": ("idea-cbc", Role.ENCRYPTION),
    "MD5": ("hmac-md5", Role.INTEGRITY),
}  # fmt: skip


def suites_with_hyphens(text: str) -> Uses:
    """OpenVPN's spelling, which puts hyphens into registered names."""
    if not text.startswith("TLS-"):
        return suites(text)
    return suites(text.replace("-", "_"))


def _of_suites(found: Iterable[cipher_suite.CipherSuite]) -> Uses:
    roles = (Role.KEY_EXCHANGE, Role.LIVE_AUTHENTICATION, Role.ENCRYPTION, Role.INTEGRITY)
    known = [suite for suite in found if suite.known]
    uses: Uses = []
    for suite in known:
        parts = (suite.key_exchange, suite.authentication, suite.encryption, suite.integrity)
        uses += [
            AlgorithmUse(name, role, preferred=suite is known[0])
            for name, role in zip(parts, roles, strict=True)
            if name
        ]
    return _once(uses)


def groups(text: str) -> Uses:
    """An OpenSSL group list: ``?`` may be missing, ``*`` sends a share, ``/`` parts tuples."""
    names = [one.lstrip("?*") for one in re.split(r"[:/, ]+", text) if one]
    return named(
        (identifiers.tls_group_from_name(one) for one in names if one and one[0] not in "-!"),
        Role.KEY_EXCHANGE,
    )


def schemes(text: str) -> Uses:
    """An OpenSSL list of signature algorithms."""
    names = [one.lstrip("?") for one in re.split(r"[:, ]+", text) if one]
    return named(map(identifiers.tls_scheme_from_name, names), Role.LIVE_AUTHENTICATION)


def tls_versions(words: Sequence[str]) -> list[str]:
    """Versions that are switched on; ``-TLSv1`` and ``!TLSv1`` are not."""
    on: list[str] = []
    for word in words:
        sign, name = (word[0], word[1:]) if word[:1] in "+-!" else ("", word)
        if name.lower() == "all" and sign != "-":
            on += ["TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"]
        elif version := TLS_VERSIONS.get(name.lower()):
            if sign in {"-", "!"}:
                on = [one for one in on if one != version]
            else:
                on.append(version)
    return list(dict.fromkeys(on))


def ssh(kind: Callable[[str], str], role: Role) -> Callable[[str], Uses]:
    """Read an OpenSSH list; one that starts with ``-`` takes away, and names nothing in use."""

    def read(text: str) -> Uses:
        if text.startswith("-"):
            return []
        # patterns stand for many, and name none
        names = [one for one in re.split(r"[, ]+", text.lstrip("+^")) if one and "*" not in one]
        return named(map(kind, names), role)

    return read


_IKE_WORDS: Final = {
    "null": "null", "des": "des-cbc", "3des": "3des-cbc", "blowfish": "blowfish-cbc",
    "cast128": "cast5-cbc", "chacha20poly1305": "chacha20-poly1305",
    "md5": "hmac-md5", "md5_128": "hmac-md5", "sha": "hmac-sha-1", "sha1": "hmac-sha-1",
    "sha1_160": "hmac-sha-1", "sha256": "hmac-sha-256", "sha2_256": "hmac-sha-256",
    "sha256_96": "hmac-sha-256", "sha384": "hmac-sha-384", "sha2_384": "hmac-sha-384",
    "sha512": "hmac-sha-512", "sha2_512": "hmac-sha-512", "aesxcbc": "aes-128-xcbc",
    "aescmac": "aes-128-cmac", "prfmd5": "hmac-md5", "prfsha1": "hmac-sha-1",
    "prfsha256": "hmac-sha-256", "prfsha384": "hmac-sha-384", "prfsha512": "hmac-sha-512",
    "prfaesxcbc": "aes-128-xcbc", "prfaescmac": "aes-128-cmac",
    "curve25519": "x25519", "x25519": "x25519", "curve448": "x448", "x448": "x448",
    "ecp192": "p192", "ecp224": "p224", "ecp256": "p256", "ecp384": "p384", "ecp521": "p521",
    "ecp224bp": "brainpoolp224r1", "ecp256bp": "brainpoolp256r1", "ecp384bp": "brainpoolp384r1",
    "ecp512bp": "brainpoolp512r1", "modpnone": "null",
    "modp1024s160": "dh-1024", "modp2048s224": "dh-2048", "modp2048s256": "dh-2048",
    "mlkem512": "ml-kem-512", "mlkem768": "ml-kem-768", "mlkem1024": "ml-kem-1024",
}  # fmt: skip
_IKE_CIPHER: Final = re.compile(
    r"(aes|camellia)(128|192|256)?(ctr|ccm(?:8|12|16|64|96|128)|gcm(?:8|12|16|64|96|128)|gmac)?"
)
_IKE_EXTRA: Final = re.compile(r"ke[1-7]_(\w+)")


def ike(text: str) -> Uses:
    """Proposals of strongSwan: ``aes256-sha256-x25519-ke1_mlkem768,…`` (RFC 9370 for ``ke1_``)."""
    proposals = [one.strip().rstrip("!") for one in text.lower().split(",") if one.strip()]
    uses: Uses = []
    first = next((one for one in proposals if one != "default"), "")
    for proposal in proposals:
        if proposal == "default":
            continue
        exchanges: list[str] = []
        rest: Uses = []
        for word in proposal.split("-"):
            if word in {"noesn", "esn"}:
                continue
            extra = _IKE_EXTRA.fullmatch(word)
            name = _ike_word(extra[1] if extra else word)
            role = _role_of(name)
            if extra or role is Role.KEY_EXCHANGE:
                exchanges.append(name)
            else:
                rest.append(AlgorithmUse(name, role, preferred=proposal == first))
        if exchanges:
            whole = identifiers.ike_hybrid(tuple(exchanges))
            uses.append(AlgorithmUse(whole, Role.KEY_EXCHANGE, preferred=proposal == first))
        uses += rest
    return _once(uses)


def _ike_word(word: str) -> str:
    if word in _IKE_WORDS:
        return _IKE_WORDS[word]
    if match := re.fullmatch(r"modp(\d{3,5})", word):
        return f"dh-{match[1]}"
    if match := _IKE_CIPHER.fullmatch(word):
        family, bits, mode = match[1], match[2] or "128", match[3] or "cbc"
        plain = re.sub(r"\d+$", "", mode)
        return f"{family}-{bits}-{'ccm-8' if mode in {'ccm8', 'ccm64'} else plain}"
    return f"ike:{word}"


def _role_of(name: str) -> Role:
    primitive = classify(name).primitive
    if primitive in {"key-agree", "kem", "combiner"}:
        return Role.KEY_EXCHANGE
    return Role.INTEGRITY if primitive == "mac" else Role.ENCRYPTION


_CIPHER: Final = re.compile(r"(aes|camellia|aria)-(128|192|256)-(cbc|cfb|cfb8|ofb|gcm|ctr|ccm|ecb)")
_CIPHER_WORDS: Final = {
    "bf-cbc": "blowfish-cbc", "des-cbc": "des-cbc", "des-ede3-cbc": "3des-cbc", "des3": "3des-cbc",
    "cast5-cbc": "cast5-cbc", "rc2-cbc": "rc2-cbc", "chacha20-poly1305": "chacha20-poly1305",
    "none": "null", "aes256": "aes-256-cbc", "aes128": "aes-128-cbc", "aes-128": "aes-128",
    "aes-192": "aes-192", "aes-256": "aes-256", "aes": "aes-128-cfb", "des": "des-cbc",
    "aes-cmac": "aes-cmac",
}  # fmt: skip
_HASH_WORDS: Final = {
    "md5": "md5", "sha": "sha-1", "sha1": "sha-1", "sha-1": "sha-1", "sha224": "sha-224",
    "sha-224": "sha-224", "sha256": "sha-256", "sha-256": "sha-256", "sha384": "sha-384",
    "sha-384": "sha-384", "sha512": "sha-512", "sha-512": "sha-512", "md4": "md4", "md2": "md2",
    "ripemd160": "ripemd-160", "rsa-sha1": "sha-1", "rsa-sha256": "sha-256",
    "sha3-256": "sha3-256", "sha3-512": "sha3-512", "none": "null",
}  # fmt: skip


def ciphers(text: str) -> Uses:
    """A list of ciphers in OpenSSL's EVP spelling, such as OpenVPN's ``data-ciphers``."""
    names = [one.lower().lstrip("?") for one in re.split(r"[:, ]+", text) if one]
    return named(
        (
            one if _CIPHER.fullmatch(one) else _CIPHER_WORDS.get(one, f"cipher:{one}")
            for one in names
        ),
        Role.ENCRYPTION,
    )


def hash_name(text: str) -> str:
    """A hash in OpenSSL's spelling."""
    return _HASH_WORDS.get(text.lower(), f"hash:{text.lower()}")


def mac_uses(text: str) -> Uses:
    """HMAC over the hash that `text` names."""
    name = hash_name(text)
    whole = name if classify(name).bearing is Bearing.UNKNOWN or name == "null" else f"hmac-{name}"
    return named([whole], Role.INTEGRITY)
