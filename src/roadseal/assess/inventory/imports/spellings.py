"""How Java, JOSE and the tools that read source code spell an algorithm, as canonical names.

Every rule is a whole name, never a part of a word; what none of them matches stays unknown.

Sources: the Java Security Standard Algorithm Names of JDK 21; RFC 7518 clause 3.1; RFC 8017; the
names of CBOMkit (sonar-cryptography) and cdxgen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from roadseal.assess.inventory.identifiers import ike_key_exchange

_PADDING: Final = re.compile(r"-(?:no|pkcs5|pkcs7|iso10126|iso7816-4|zerobyte|x923)(?:-?padding)?$")
_WHOLE: Final = {
    "rsaencryption": "rsa",
    "id-ecpublickey": "ec",
    "rsassa-pss": "rsa-pss",
    "rsapkcs1-pss": "rsa-pss",
    "rsassa-pkcs1-v1-5": "rsa-pkcs1",
    "rsa-ecb-pkcs1padding": "rsa-pkcs1",
    "rsa-none-pkcs1padding": "rsa-pkcs1",
    "rsa-pkcs1": "rsa-pkcs1",
    "rsa-ecb-oaeppadding": "rsa-oaep",
    "rsa-oaep-mgf1": "rsa-oaep",
    "rsa-ecb-nopadding": "rsa",
    "argon2id": "argon2",
    "argon2i": "argon2",
    "argon2d": "argon2",
    "aes-kw": "aes-wrap",
    "aes-kwp": "aes-wrap-pad",
    "aeswrap": "aes-wrap",
    "chacha20poly1305": "chacha20-poly1305",
    "chacha20-poly1305-ietf": "chacha20-poly1305",
    "blowfish": "blowfish-cbc",
    "cast5": "cast5-cbc",
    "cast-5": "cast5-cbc",
    "cast-128": "cast5-cbc",
    "cast128": "cast5-cbc",
    "rc2": "rc2-cbc",
    "idea": "idea-cbc",
    "diffiehellman": "dh",
    "es256": "ecdsa-p256",
    "es384": "ecdsa-p384",
    "es512": "ecdsa-p521",
    "es256k": "ecdsa-secp256k1",
}
Rule = Callable[[re.Match[str]], str]


def _digest(found: re.Match[str]) -> str:
    """The hash of a match by its canonical name."""
    spelled = found["hash"].replace("-", "")
    return f"sha-{spelled.removeprefix('sha')}" if spelled.startswith("sha") else spelled


_HASH = r"(?P<hash>md5|sha-?(?:1|224|256|384|512))"
_RULES: Final[tuple[tuple[re.Pattern[str], Rule], ...]] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (rf"rsa-(?:ecb|none)-oaepwith{_HASH}andmgf1padding", lambda m: f"rsa-oaep-{_digest(m)}"),
        (rf"rsa-oaep-(?:mgf1-)?{_HASH}", lambda m: f"rsa-oaep-{_digest(m)}"),
        (rf"rsa(?:ssa)?-pss-{_HASH}", lambda m: f"rsa-pss-{_digest(m)}"),
        (rf"{_HASH}withrsa(?:-pss|andmgf1)", lambda m: f"rsa-pss-{_digest(m)}"),
        (rf"rsa-pkcs1-1\.5-{_HASH}(?:-\d+)?", lambda m: f"rsa-pkcs1-{_digest(m)}"),
        (rf"rsassa-pkcs1-v1-5-{_HASH}", lambda m: f"rsa-pkcs1-{_digest(m)}"),
        (r"rs(?P<hash>256|384|512)", lambda m: f"rsa-pkcs1-sha-{m['hash']}"),
        (r"ps(?P<hash>256|384|512)", lambda m: f"rsa-pss-sha-{m['hash']}"),
        (r"hs(?P<hash>256|384|512)", lambda m: f"hmac-sha-{m['hash']}"),
        (r"hmac-?sha-?512-(224|256)", lambda m: f"hmac-sha-512-{m[1]}"),
        (rf"{_HASH}withecdsa(?:inp1363format)", lambda m: f"ecdsa-{_digest(m)}"),
        (rf"pbkdf2(?:-hmac-?|withhmac|-){_HASH}", lambda m: f"pbkdf2-{_digest(m)}"),
        (rf"hkdf(?:-hmac)?-?{_HASH}", lambda m: f"hkdf-{_digest(m)}"),
        (r"(?:desede|tripledes|des-ede3|des3|3des)-(cbc|ecb|cfb|ofb)", lambda m: f"3des-{m[1]}"),
        (r"(?:id-(?:alg-)?)?ml-?kem-?(512|768|1024)", lambda m: f"ml-kem-{m[1]}"),
        (r"(?:id-)?ml-?dsa-?(44|65|87)", lambda m: f"ml-dsa-{m[1]}"),
        (r"(?:id-)?slh-?dsa-(sha2|shake)-?(\d+[sf])", lambda m: f"slh-dsa-{m[1]}-{m[2]}"),
        (r"(?:crystals-)?kyber-?(512|768|1024)", lambda m: f"kyber-{m[1]}/round-3"),
        (r"(?:modp|ffdhe)-?(\d{4,5})", lambda m: f"dh-{m[1]}"),
        (r"(?:dh|diffie-hellman|ike)-?group-?(\d{1,2})", lambda m: ike_key_exchange(int(m[1]))),
        (r"(?:id-)?aes-?(128|192|256)-(?:kw|wrap)", lambda m: f"aes-{m[1]}-wrap"),
        (r"(aes|camellia|aria)-?(128|192|256)-([a-z]{3})", lambda m: f"{m[1]}-{m[2]}-{m[3]}"),
    )
)


def respelled(plain: str) -> Iterator[str]:
    """Canonical names that a name may stand for.

    Args:
        plain: the name in lower case with hyphens.

    >>> list(respelled("aes-cbc-pkcs5padding")), list(respelled("rsassa-pss-sha256"))
    (['aes-cbc'], ['rsa-pss-sha-256'])
    """
    bare = _PADDING.sub("", plain)
    for name in dict.fromkeys((plain, bare)):
        if name in _WHOLE:
            yield _WHOLE[name]
        for pattern, rule in _RULES:
            if found := pattern.fullmatch(name):
                yield rule(found)
    if bare != plain:
        yield bare
