"""Keystores of Java, of Bouncy Castle and of PKCS #12: what protects them, and what is in clear.

The samples were made for these tests by OpenJDK 17 and Bouncy Castle 1.72 under the word "secret".
"""

import base64
import os
import struct

import pytest
from assess_scanning import READER, algorithms, mutants, read

from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.finding import Cause, Finding, Role

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000")) // 50


def sample(text: str) -> bytes:
    return base64.b64decode(text)


# a certificate and a key
UBER = sample(
    "AAAAAQAAABRBEmFG6RLJwnMjROaMHSVIlNh3RAAABwArdeUf0dfTmW+kSPJBuk7N4rCOIDG+YYaQqMdo9jIo8tZef5zJ"
    "68jPgUcEFNY+DOlpQCUsFOa3nhK8x4Ik9YxhtMQd4X/ZEP3t8IP1giPD9sLE9Gq99/Xutcd5Z+i0mqNMO/WmH8P+a4Hq"
    "3pY8f4t01om0xlfkvfrGZirsD82aokUWiZNLyaDZSn20JNGCOIaQLTMT9mKiyi5c098+SJiXCAoEHBW8gXd88K7Mh+zB"
    "P7kbk3JFEjiGwXkQ5sFQxlXZq7JS7dORB7heEd7Pq6s4PB7HUDLGI0jbpm0Z2fwPmZAKqQlI+rS2blgrPLB0w11+yVfI"
    "6H1Suu++5R/AWiH3mxAFIOyLut1V3fpbMo14UXHF9E3bQoYa3nCpd0Nx5v4KvBZtYe90aDAoVwmoNF9dzvGp9XF2aDIp"
    "iIUoHjysZuy0jX6mJWU3/Jf9EfrR39gJECBPYjFUABhzuaP4pTmKoT4Au91lRhhgmYQdMR7FppQHXumqnUbTWZxo/pWB"
    "iD+Q8QOXCAjLzSPyPjPMLSUoj46Ef7kE6Io+2m9rWH3orcM4G0f5PEzjXKEtyOYrHUsq+wNg5lmrEzmBVO3crONdttwx"
    "vkoxPc6/0wUVqbFAgJbzNjGg69MYSwZmC/r563Z/iLJiNfnHjFjzAAC4LB5BFx/B4X/HLCLZ0K0zy84+8HU27wf0HII7"
    "mNW0OBM9ZuOAApwh2qxAaM0AZN3+8caEEcZQsOE2t51xLnotC+ODuATbryNS0ZiFyV8BYV1NpLcEbkIuz6MgZJYYeGOA"
    "K4VMgJpdz4g3unMwuEsIMWbyeif5NErRhFKZvzPlbYx8x4/2CcSd5LNWECi0IQLVq6VLiE1dSdgOkf9md6MK56snsptZ"
    "qXA2wVG0jkCIF4jELpB9Vsay9vZIuPjvL65gSBUa7aog+0vQTHyrHfRrZ1NULw8tvMcOwX1UOrQja8jSOftnc0XtrqKU"
    "E9gII7B9MrQhvrf2FUUpAwVaZBSVANkxnxWakvbTsparCL67rY7UvbnjIAW59NOJ4IlgR8aq7yiXz1PAqEYQlgkHTL6t"
    "Z+59IIYRebM2Q+RIu6ds6qK0AcD8kMpVe5wUHCvp0Yg+Ugn1"
)
# a certificate, with the defaults
BCFKS = sample(
    "MIIC4jCCAiQwgZUGCSqGSIb3DQEFDTCBhzBlBgkqhkiG9w0BBQwwWARAd7heaIupD8W5D58Yc7HFlZ19M/Zo802qoL4B"
    "dNNIAn5wU4fTTkrbs+T+uiYI8Xs0ZAiUwMuojqciazowVy2OqAIDAMgAAgEgMAwGCCqGSIb3DQILBQAwHgYJYIZIAWUD"
    "BAEvMBEEDD1ENI2dsx6YdTHdYQIBCASCAYhOgeS31jVMvuJD5XOOXjHRRoeuGGE5jPH+ccqBcqQhAki/UcltJdMTjDMk"
    "tAx2XBUCzZU+e9L5h6c45W6BHoPjEWrQzwMHkWG038NnTA3UxE5GpPG/1tfkAsKRVbTYn5VLDp0ZAKobxO8EzXeovQHI"
    "zZpCK0MTu44N8VDRp+rr6sWDu4/GRk6DdE/NP++N5aTRTf0/W9l27W7KfnYrKBM0wwYITW5DzsnraDI9dS1fB8QA5cph"
    "OkljD/ZYk7MfCpGQP+UVjqq/vaYDxR142UawqyjspNADil83z+Shfk16UYcEwoteyrE+KK4Jqo/7o/SyVIMK5sRgOfmA"
    "iS81/Ay99LB/WlcA9W9qSO14oYoYI1nZfcLbjmfB4fgi/saxGyK1Yrv7qrYxYxZh6UqeKGbLuSLncyl8b7CZeCwyB+/G"
    "cbVos4v0OInVo/rxL/4oC3PdFVtjeDio34Ublea4rA414/igKWG94Xqcd+pM+vstz1nG+N+7GOGSCugaSAE6bAgUkuL7"
    "nAca2TCBtzAMBggqhkiG9w0CCwUAMGUGCSqGSIb3DQEFDDBYBEDhFEDPuQClEPOqRqZUebL8NtRkeXqMXqJ9zdRjdS0i"
    "1AHqynotS9iRpDiIFo1ecwAn5N5h37OjFGBG05UaElgFAgMAyAACAUAwDAYIKoZIhvcNAgsFAARAMFNPKnY3g8ikkHzf"
    "gYkA+I9BVrZSyJP4G/KPq6hj+ETYcVVfKThwtg93s8KRoqD59nWFcXsCgrRqCyyCjcPmSQ=="
)
# the same with scrypt, AES-256 key wrapping and HMAC by SHA3-512
BCFKS_SCRYPT = sample(
    "MIICbDCCAeIwTAYJKoZIhvcNAQUNMD8wMAYJKwYBBAHaRwQLMCMEFKCTYnqj6jYJaS3vNAuE9kq1qSJzAgIEAAIBCAIB"
    "AQIBIDALBglghkgBZQMEATAEggGQc3UDwLPnJACWiG9GVCtJW6UCkZKNPa33vNOdABePMgsO4pshmyEjLrwLZEpaeiXH"
    "h9x+xsuI3rRGNAFcBN7MRVhqGSlBFQ4fQR8MuN4emvV+K+n4eRTDih4hnRMgiQvjg3R7+U5YjbgDK6TH46OGLezfA1En"
    "GxzQ1qa3CH7Bva2kIbHqNzxbLlN3OMhCmdzg5cqxbUB97ATYTQAfXaqcnTOKOddY3nnm2ht+7ihhcEPTeqfza58xqSOI"
    "w5qYobN1kPYLabKWniH3t/9tJXiRo/0l8XWTkSIN5NX4uey8a+QYk21kxDfeDjIt6VtWQpV78cIgKAJeyyjJ1Hlrm+dZ"
    "rUJ6O1u9/35mEN1wo9GGHCMAEgOtRExc9hwuJs8nmJhHZJSJkqkO6f/AeyxVyUa3n5ESIChtVpyTZDU5Q23DzF3O+mRI"
    "UJEg/SejNeII/+eGq9BA0Z/7mXwoUY+U0xyS2AQgGsGYNMb9DU2nnoEqSbhQXOAtdpzKVqDsQdr0L3bnsHpa5dMU0n9D"
    "jjwu7XgYCTCBgzANBglghkgBZQMEAhAFADAwBgkrBgEEAdpHBAswIwQUFQDD2K7245LssPtUnqyiZg68wtACAgQAAgEI"
    "AgEBAgFABEClw4ZP2iWT7Cd8FcXdcOFL7M1eNadhXqMkE1HzWULQoamfQ+qoXJnTy5Roq1hTzavAyGtuDQsBB1fof4nE"
    "Ftfm"
)
# the same, kept by a signature instead of a MAC
BCFKS_SIGNED = sample(
    "MIIDnDCCAiEwgZQGCSqGSIb3DQEFDTCBhjBkBgkqhkiG9w0BBQwwVwRAtdMq17RutzFhQHz4dFMZ2dp8LZHPW95V/Fpm"
    "U8Z1r/33WRKAXzoad6abI8MMd3w8QdvWk4u1eQbTQC938HrMIwICQAACASAwDAYIKoZIhvcNAgsFADAeBglghkgBZQME"
    "AS8wEQQMxSyy5AM5ceW24IHWAgEIBIIBhupvEUo+lMjrgtS+RQplhyQTDOax+naZTwEBiTLRLdrRvw8WkEle4f+qcn+s"
    "r2lu2QdfaE04D/+/uf9rVbOYZMMcaR627z6Bdm3HgkAXmm2+1a4gyPJbRN1ZCXPUZmhkni9TiyHy7PAJ7TlFQYiCXko9"
    "+hiCBl5ESnzzB0X5ZviSX0PKd8f+bOZE7UA6aApFooW6KCgehF/u9/Ko7pArU1QAVRQIGMhwMrzbUYAd7T/wMdxvcV2I"
    "62cizyLt4JMpEyC1ldhYGIhAhoBak7+apen+B4JpClIeZegNiunJQVc9/2Tpz+yvC/qPV2/GMBSSe3N5p9ENPZd8R+dn"
    "5QcHtJ8aBLfu2E6FLbrzUbr1yqS+SN6V34AboieWlWhnQD3ozr3xf2bJ19/ZnQJJEt/Tq2MaC5yPoEw5LFrPh8EL29bS"
    "9lGQqu78TlCR1wGEBz12pkbFOG0rFDhgIRXWufdwZjbAxjevMXbEsbhTZDBYL0xOYNZyMyj869NmbqmYa7YU/wU1HJ6F"
    "aaCCAXMwggFvMAoGCCqGSM49BAMEoIIBFDCCARAwggEMMIGzoAMCAQICAQowCgYIKoZIzj0EAwIwEDEOMAwGA1UEAwwF"
    "cnN1LTcwHhcNMjMxMTE0MjIxMzIwWhcNMzMwNTE4MDMzMzIwWjAQMQ4wDAYDVQQDDAVyc3UtNzBZMBMGByqGSM49AgEG"
    "CCqGSM49AwEHA0IABCiyOREBttz3rcxC0iXsCP6yVcwK1w71UzTm2j3WoehXvS1UPTtEAXfYHsMWTevUSNLcE9VxTT5N"
    "pO9eGI29YS8wCgYIKoZIzj0EAwIDSAAwRQIhAKV3KwfLDZUieDZjNwymx7OxUMHLOjUMRwiSGHRkdeqHAiBLBM15CDmK"
    "hvKlbVlxJ67RHuphLZVKAX8a/Kc6B1NqUwNJADBGAiEAxhPvNydk5v4WcESvy6NSHLyvKTg5Dg+O5VHBTEtHvUACIQDF"
    "EZjpelRlvl+/L8Liz8GwRAwe2j3d/CV1LRkGLAg6Sw=="
)
# a secret key, a certificate, a private key
JCEKS_WITH_SECRETS = sample(
    "zs7OzgAAAAIAAAADAAAAAwADc3ltAAABohuCA42s7QAFc3IAM2NvbS5zdW4uY3J5cHRvLnByb3ZpZGVyLlNlYWxlZE9i"
    "amVjdEZvcktleVByb3RlY3Rvcs1XylnnMLtTAgAAeHIAGWphdmF4LmNyeXB0by5TZWFsZWRPYmplY3Q+Nj2mw7dUcAIA"
    "BFsADWVuY29kZWRQYXJhbXN0AAJbQlsAEGVuY3J5cHRlZENvbnRlbnRxAH4AAkwACXBhcmFtc0FsZ3QAEkxqYXZhL2xh"
    "bmcvU3RyaW5nO0wAB3NlYWxBbGdxAH4AA3hwdXIAAltCrPMX+AYIVOACAAB4cAAAABEwDwQIDMBwT30eNlsCAwMNQHVx"
    "AH4ABQAAAJA5EkKusZ4lx6Fh0uHD+Eu6dC7xKcUrlCoP7ZcG+PpAlOMez9DucizhEwZlzK9ATUGccEUv10SRsp99YS37"
    "vW1OE1BbOxnmPzeWh6bFj5EjLNmXAhbFMJKwD/5vsM3BYBi4OSy+YOMWzsti4cLlTiiBoF49fS3cKWXwtCxsRXQm2a0y"
    "mQ/mi44i3GMbiO6JK5h0ABZQQkVXaXRoTUQ1QW5kVHJpcGxlREVTdAAWUEJFV2l0aE1ENUFuZFRyaXBsZURFUwAAAAIA"
    "BmFuY2hvcgAAAaIbggKxAAVYLjUwOQAAARAwggEMMIGzoAMCAQICAQowCgYIKoZIzj0EAwIwEDEOMAwGA1UEAwwFcnN1"
    "LTcwHhcNMjMxMTE0MjIxMzIwWhcNMzMwNTE4MDMzMzIwWjAQMQ4wDAYDVQQDDAVyc3UtNzBZMBMGByqGSM49AgEGCCqG"
    "SM49AwEHA0IABCiyOREBttz3rcxC0iXsCP6yVcwK1w71UzTm2j3WoehXvS1UPTtEAXfYHsMWTevUSNLcE9VxTT5NpO9e"
    "GI29YS8wCgYIKoZIzj0EAwIDSAAwRQIhAKV3KwfLDZUieDZjNwymx7OxUMHLOjUMRwiSGHRkdeqHAiBLBM15CDmKhvKl"
    "bVlxJ67RHuphLZVKAX8a/Kc6B1NqUwAAAAEAA2tleQAAAaIbggKxAAAAvDCBuTAcBgkrBgEEASoCEwEwDwQIsR7f3Rhf"
    "l6ACAwMNQASBmNC41uQiea4ApaslHjSmaBOULunQOANzITSO/Shxp/99APIhgdSP6kqEZpD+KeU7tUv1p5+IaPnMVCr7"
    "fWsYvEn93xHi2ioGhZsilrDRt9Q4ao9jgrAkVdYEOTCJ7Z7x7w5LGn1dBGzcHWffCPtdv+GwWaqSS8QxeZwpAHqqlSvV"
    "sIcZ5W4rt1c9eKfTcBf2att0LLjNSy7kAAAAAQAFWC41MDkAAAEQMIIBDDCBs6ADAgECAgEKMAoGCCqGSM49BAMCMBAx"
    "DjAMBgNVBAMMBXJzdS03MB4XDTIzMTExNDIyMTMyMFoXDTMzMDUxODAzMzMyMFowEDEOMAwGA1UEAwwFcnN1LTcwWTAT"
    "BgcqhkjOPQIBBggqhkjOPQMBBwNCAAQosjkRAbbc963MQtIl7Aj+slXMCtcO9VM05to91qHoV70tVD07RAF32B7DFk3r"
    "1EjS3BPVcU0+TaTvXhiNvWEvMAoGCCqGSM49BAMCA0gAMEUCIQCldysHyw2VIng2YzcMpsezsVDByzo1DEcIkhh0ZHXq"
    "hwIgSwTNeQg5iobypW1ZcSeu0R7qYS2VSgF/GvynOgdTalNZt5mGRIf7iS6oI8nbAKo+ofICWQ=="
)
# strings in several pieces, by BER
PKCS12_IN_PIECES = sample(
    "MIACAQMwgAYJKoZIhvcNAQcBoIAkgASCA+gwgDCABgkqhkiG9w0BBwGggASCAR8wggEbMIIBFwYLKoZIhvcNAQwKAQKg"
    "gckwgcYwKQYKKoZIhvcNAQwBAzAbBBQAgO1Iuy3umBl50nqQol2ZnfyWqwIDAMgABIGYj9lBwMhrJtDP6V1f+UBgFAXD"
    "8/NwaWUFvC6sb69SFxVebZy0D1A3h/1jpeN0NoBgp8wZsfvqkgXATiKuPdbnGTquIqaGq/uWudX1FriEJ3w1sa27xkze"
    "6TvkfMKnTytRU6sspAMGSbkAAEQdoO2mYFlEqKzK1XTU/3WiYLbioPWXQ74bGKKuWxg4ugeGuxN5F7fHqxONoxMxPDAV"
    "BgkqhkiG9w0BCRQxCB4GAGsAZQB5MCMGCSqGSIb3DQEJFTEWBBRSuIGEfYeIIJFCO0mU+Y7qoIgQcQAAAAAwgAYJKoZI"
    "hvcNAQcGoIAwgAIBADCABgkqhkiG9w0BBwEwKQYKKoZIhvcNAQwBBjAbBBS/WDgTykxd2fWskUxq2cSi4I6iBAIDAMgA"
    "gIIC+Ea5nKkIYgJAM9VnTU/iCaiWoeIw4ipHqkw5B7f53Ti0dlMs7GL+GW5xQurF16ADxCCfLa9l/3vTHmdovEtzys8z"
    "IQwdMCKX5B6tuwd6fpvV+iG1NlMfbRClgsAnkiNmEm1iNoJPsAo9v/IYymoxQk1AaY5Hmg/pCWsv4NqG85GFfzJNVKRd"
    "JsKaWp8rdgTbUUjun+X+Tj5AZnHbYsniip5rdY0+cskr9zfwcOFp0USZBRQxmW2Ilp93lb0IEbtxzFki+lkwaiattzJh"
    "BtuPIdiEj02G1Lxm4GXTacqRi4j9gytIWE5xUAeCf8NVh5YZmwnpu9uGdHnj6/cyZwjSuNlwKUY9N4eT+pw9HLoLgcGQ"
    "QXBh6xfmchPAy5vhn7XJ0LPpYVlSCyriX/TjTmciZrkcDvdCCsq640CPlDcxTfkfzLiJrgnszM/YBrBU1E+ggAJFf2rR"
    "tboCxRVu5QOuJxQRhpSYeQ16hcJjgmem0QsYnjWgchBiGBvvCmgoGVYC7wixE3Q2pQ0hIRKzcX+DY3nnGwkR1er/bKAv"
    "Ef+zsxU9BQ7VeoFi/iLSKtFP1uVgJKP/EsNd/Ob7F0sHb4EOVj07jahTc7j1m5u+XMvj1FV6OzR2eHthnSoUY8eB7DBo"
    "WWl5NmmfFo1K3Q/V7dZTxhs/ukg6xU6WoLq7xlkqqH9kqg8W6tQZJ5toQ8R87kJgE2pJl/bAStDrPuGByyr51ukmctU9"
    "ehq1aajcOICvo2F7jqHEyeeHWlHxhWGNQjwQ+LR/insCcrWq4/9qyuVXGNlPL4SUJ41Ggn642OZ6CMGMBIGiABAsZw4B"
    "uVVpejORN/LnHaQXAa0XsqSi7tZJTe1/8wikucjBswy4HLnz0F+IHjKjX5gSnnwMN11qoMKMYWcQ6U9FUqWq9dXnR8B1"
    "cKVwq2wCm4ZNjc1TpEP5N1e5hVYyaQODtw4Q5MAEJ4btgbDNSdI7LZG9V+kKjTNHTH2iopnQ1GfAczuEAjS76cB26zaH"
    "ckHr3wJbuWoAAAAAAAAAAAAAAAAAAAAAMD4wITAJBgUrDgMCGgUABBTgcFvpaocFzWSGGiUuWjkFwS9zQwQUfEM6IlW0"
    "d3KYA7YSl75Qp1MN6GYCAwGQAAAA"
)


@pytest.mark.parametrize(
    ("data", "storage", "integrity"),
    [
        (UBER, {"twofish-256-cbc", "pkcs12-kdf-sha-1"}, {"sha-1"}),
        (BCFKS, {"aes-256-ccm", "pbkdf2-sha-512"}, {"hmac-sha-512", "pbkdf2-sha-512"}),
        (BCFKS_SCRYPT, {"aes-256-wrap-pad", "scrypt"}, {"hmac-sha3-512", "scrypt"}),
        (BCFKS_SIGNED, {"aes-256-ccm", "pbkdf2-sha-512"}, {"ecdsa-sha-512"}),
        (PKCS12_IN_PIECES, {"3des-cbc", "rc2-40-cbc"}, {"pkcs12-kdf-sha-1"}),
    ],
)
@pytest.mark.parametrize("name", ["field.store", "field.keystore", "noname"])
def test_what_protects_a_keystore_is_told_whatever_its_name(
    data: bytes, storage: set[str], integrity: set[str], name: str
) -> None:
    found, gaps = read(name, data)
    assert not gaps
    assert {use.name for use in found[0].algorithms if use.role is Role.STORAGE} == storage
    assert {use.name for use in found[0].algorithms if use.role is Role.INTEGRITY} == integrity
    for use in found[0].algorithms:
        assert classify(use.name).bearing is not Bearing.UNKNOWN


def test_the_certificates_that_sign_a_keystore_are_read() -> None:
    found, _ = read("a.store", BCFKS_SIGNED)
    assert [each.title for each in found[1:]] == ["CN=rsu-7"]


def test_what_follows_a_sealed_secret_key_is_read() -> None:
    found, gaps = read("a.store", JCEKS_WITH_SECRETS)
    assert not gaps
    assert [each.title for each in found if each.title == "CN=rsu-7"] == ["CN=rsu-7"] * 2
    closed = [each for each in found if each.title == "private key under a password"]
    assert [algorithms([each]) for each in closed] == [["3des-cbc"]] * 2


def test_an_entry_in_clear_of_bouncy_castle_is_a_private_key() -> None:
    """A key as `BcKeyStoreSpi.encodeKey` writes it: kind, format, algorithm, octets."""
    head = bytes((0, 0, 0, 2, 0, 0, 0, 20)) + bytes(20) + struct.pack(">I", 1024)
    entry = b"\2" + b"\0\1k" + bytes(8) + struct.pack(">I", 0)
    key = b"\2" + b"\0\3RAW" + b"\0\3AES" + struct.pack(">I", 16) + b"K" * 16
    found, gaps = read("a.bks", head + entry + key + b"\0" + bytes(20))
    assert not gaps
    assert found[1].title == "private key aes, not encrypted"
    assert "KKKK" not in repr(found)


def test_no_file_is_said_to_be_in_clear_that_holds_what_nobody_knows() -> None:
    """PBES1 of an identifier that is not registered, in place of that of SHA-1 and Triple DES."""
    known, unknown = (
        bytes.fromhex("060a2a864886f70d010c0103"),
        bytes.fromhex("060a2a864886f70d010c017f"),
    )
    rc2 = bytes.fromhex("060a2a864886f70d010c0106")
    assert known in PKCS12_IN_PIECES
    data = PKCS12_IN_PIECES.replace(known, unknown).replace(rc2, unknown)
    (found,), gaps = read("a.p12", data)
    assert not gaps
    assert "null" not in algorithms([found])
    assert "unreadable-encryption" in algorithms([found])


@pytest.mark.parametrize("data", [UBER[:-7], BCFKS[:-40], JCEKS_WITH_SECRETS[:300]])
def test_a_keystore_that_is_cut_off_is_a_gap(data: bytes) -> None:
    _, gaps = read("a.bcfks", data)
    assert gaps
    assert {gap.cause for gap in gaps} <= {Cause.UNREADABLE, Cause.NOT_SUPPORTED}


@pytest.mark.parametrize("seed", [UBER, BCFKS, BCFKS_SIGNED, JCEKS_WITH_SECRETS, PKCS12_IN_PIECES])
def test_mutilated_keystores_never_break_a_collector(seed: bytes) -> None:
    for mutant in mutants([seed], MUTANTS):
        outputs = READER.read("a.bcfks", mutant, READER.matcher.scan(mutant))
        for each in outputs:
            assert isinstance(each, Finding) or each.cause is not Cause.CRASHED
