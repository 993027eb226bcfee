"""The sans-I/O engine: what it negotiates, what it refuses, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.clock import Time64
from roadseal.crypto import Purpose, load_profile, profile_names
from roadseal.errors import RoadsealError
from roadseal.net.identity import Authority
from roadseal.net.profile import (
    CLASSICAL,
    HYBRID,
    HYBRID_TRANSITION,
    PQC,
    PROFILES,
    TlsProfile,
    tls_profile,
    widened,
)
from roadseal.net.refusal import Reason
from roadseal.net.session import Side, State
from roadseal.net.tls import TlsContext

ECDSA, ML_DSA = "ecdsa_secp256r1_sha256", "mldsa65"
DAY_US = 86_400_000_000
EXPECTED = {
    "classical": ("X25519", ECDSA),
    "pqc": ("MLKEM768", ML_DSA),
    "hybrid": ("X25519MLKEM768", ML_DSA),
    "hybrid-transition": ("X25519MLKEM768", ML_DSA),
    "interop": ("X25519MLKEM768", ML_DSA),
}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_both_sides_agree_on_what_the_profile_asks(yard, wire, profile):
    client, server = yard.handshake(
        yard.context(Side.CLIENT, profile), yard.context(Side.SERVER, profile)
    )
    assert (client.state, server.state) == (State.OPEN, State.OPEN)
    group, scheme = EXPECTED[profile.name]
    for end in (client, server):
        used = end.negotiated
        assert (used.group, used.client_signature, used.server_signature) == (group, scheme, scheme)
        assert used.cipher_suite == "TLS_AES_256_GCM_SHA384"
        assert (used.flights, used.round_trips) == (3, 1)
    assert client.negotiated.peer_names == {yard.server}
    assert server.negotiated.peer_names == {yard.client}

    client.send(b"green for 42" * 9000)
    server.send(b"granted")
    assert wire(client, server) == (b"granted", b"green for 42" * 9000)
    client.close()
    wire(client, server)
    assert (client.state, server.state) == (State.CLOSED, State.CLOSED)


@pytest.mark.parametrize("name", profile_names())
def test_each_crypto_profile_opens_a_session_with_what_it_produces(yard, name):
    profile = load_profile(name)
    tls = tls_profile(profile)
    client, _ = yard.handshake(yard.context(Side.CLIENT, tls), yard.context(Side.SERVER, tls))
    wanted = profile[Purpose.TLS_KEY_EXCHANGE].preferred
    assert client.negotiated.group.lower() == wanted.replace("-", "")
    wanted = profile[Purpose.TLS_AUTHENTICATION].preferred
    assert client.negotiated.server_signature == {"ecdsa-p256": ECDSA, "ml-dsa-65": ML_DSA}[wanted]


def test_plain_ml_kem_falls_to_the_hybrid_group_with_a_second_round_trip(yard):
    client, server = yard.handshake(
        yard.context(Side.CLIENT, PQC), yard.context(Side.SERVER, HYBRID)
    )
    assert client.negotiated.group == server.negotiated.group == "X25519MLKEM768"
    assert client.negotiated.round_trips == 2


def test_classical_client_is_refused_by_a_pqc_server(yard):
    client, server = yard.handshake(
        yard.context(Side.CLIENT, CLASSICAL), yard.context(Side.SERVER, PQC)
    )
    assert server.refusal.reason is Reason.NO_COMMON_GROUP
    assert client.refusal.reason is Reason.PEER_REFUSED
    assert client.negotiated is None
    assert server.negotiated is None


def test_hybrid_stripped_to_classical_is_refused(yard):
    stripped = replace(HYBRID, name="stripped", groups=("X25519",))
    _, server = yard.handshake(
        yard.context(Side.CLIENT, stripped), yard.context(Side.SERVER, HYBRID)
    )
    assert (server.state, server.refusal.reason) == (State.REFUSED, Reason.NO_COMMON_GROUP)


def test_a_widened_profile_takes_what_any_of_its_profiles_takes_safest_first(yard):
    """For the time of a migration: old and new units at one door."""
    wide = widened(CLASSICAL, PQC)
    assert widened(PQC) is PQC
    assert wide.name == "classical+pqc"
    for client_profile, group, scheme in (
        (CLASSICAL, "X25519", ECDSA),
        (PQC, "MLKEM768", ML_DSA),
        (wide, "MLKEM768", ML_DSA),
    ):
        client, server = yard.handshake(
            yard.context(Side.CLIENT, client_profile), yard.context(Side.SERVER, wide)
        )
        assert (client.state, server.state) == (State.OPEN, State.OPEN)
        assert client.negotiated.group == group
        assert server.negotiated.client_signature == scheme
        assert len(server.negotiated.peer_chain) >= 2
        assert server.negotiated.peer_chain[0] == server.negotiated.peer_certificate
    refused, _ = yard.handshake(
        yard.context(Side.CLIENT, CLASSICAL), yard.context(Side.SERVER, widened(PQC))
    )
    assert refused.state is State.REFUSED


def test_transition_server_lets_a_classical_client_in(yard):
    client, server = yard.handshake(
        yard.context(Side.CLIENT, CLASSICAL), yard.context(Side.SERVER, HYBRID_TRANSITION)
    )
    assert server.negotiated.group == "X25519"
    assert client.negotiated.server_signature == ECDSA


def test_transition_server_asks_again_rather_than_settle_for_x25519(yard):
    lazy = replace(HYBRID_TRANSITION, name="lazy", groups=("X25519", "X25519MLKEM768"))
    client, server = yard.handshake(
        yard.context(Side.CLIENT, lazy), yard.context(Side.SERVER, HYBRID_TRANSITION)
    )
    assert server.negotiated.group == "X25519MLKEM768"
    assert client.negotiated.round_trips == 2


def test_a_peer_once_seen_with_more_may_not_come_with_less(yard):
    """What `require` is for: the handshake succeeds and the profile check alone refuses it."""
    client, server = yard.handshake(
        yard.context(Side.CLIENT, HYBRID_TRANSITION),
        yard.context(Side.SERVER, replace(CLASSICAL, name="downgraded")),
        require=HYBRID,
    )
    assert client.refusal.reason is Reason.GROUP_OUTSIDE_PROFILE
    assert "X25519 " in client.refusal.detail
    assert client.negotiated is None
    assert server.negotiated is None, "our Finished must not leave"


@pytest.mark.parametrize(
    ("narrowed", "reason"),
    [
        (replace(HYBRID, cipher_suites=("TLS_CHACHA20_POLY1305_SHA256",)), "cipher"),
        (replace(HYBRID, signature_schemes=(ECDSA,)), "certificate"),
    ],
)
def test_each_parameter_outside_the_profile_is_refused(yard, narrowed, reason):
    client, _ = yard.handshake(
        yard.context(Side.CLIENT, HYBRID), yard.context(Side.SERVER, HYBRID), require=narrowed
    )
    assert client.refusal.reason is Reason(f"{reason}_outside_profile")


def test_own_signature_outside_the_profile_is_refused(yard):
    """The chains are ML-DSA, and still the P-256 leaf must not sign the handshake."""
    name, now = yard.client, yard.now
    mixed = yard.issuers[ML_DSA].issue(name, now=now, algorithm=ECDSA)
    roots = [root.certificate for root in yard.roots.values()]
    client, _ = yard.handshake(
        TlsContext(Side.CLIENT, HYBRID, [mixed], roots),
        yard.context(Side.SERVER, HYBRID),
        require=replace(HYBRID, name="mldsa-only", signature_schemes=(ML_DSA,)),
    )
    assert client.refusal.reason is Reason.SIGNATURE_OUTSIDE_PROFILE
    assert client.refusal.detail.startswith("own ecdsa")


def test_ml_dsa_leaf_under_a_p256_authority_is_refused_by_pqc(yard):
    """Authentication would rest on P-256."""
    leaf = yard.issuers[ECDSA].issue(yard.server, now=yard.now, algorithm=ML_DSA)
    roots = [root.certificate for root in yard.roots.values()]
    client, _ = yard.handshake(
        yard.context(Side.CLIENT, PQC), TlsContext(Side.SERVER, PQC, [leaf], roots)
    )
    assert client.state is State.REFUSED
    assert client.refusal.reason in (Reason.CERTIFICATE_OUTSIDE_PROFILE, Reason.PEER_REFUSED)


@pytest.mark.parametrize("order", [(ML_DSA, ECDSA), (ECDSA, ML_DSA)])
def test_the_twin_is_selected_by_the_peers_signature_algorithms(yard, order):
    """One server context with two chains: each client gets the one it can verify."""
    roots = [root.certificate for root in yard.roots.values()]
    both = [yard.identity(algorithm, yard.server) for algorithm in order]
    server_context = TlsContext(Side.SERVER, HYBRID, both, roots)
    unable = TlsProfile("no-mldsa", HYBRID.groups, (ECDSA,), (ECDSA,))

    legacy, legacy_server = yard.handshake(yard.context(Side.CLIENT, unable), server_context)
    modern, modern_server = yard.handshake(yard.context(Side.CLIENT, HYBRID), server_context)

    assert legacy.negotiated.server_signature == ECDSA
    assert legacy.negotiated.group == "X25519MLKEM768"
    assert modern.negotiated.server_signature == ML_DSA
    assert legacy.negotiated.peer_certificate == both[order.index(ECDSA)].certificate
    assert modern.negotiated.peer_certificate == both[order.index(ML_DSA)].certificate
    assert legacy_server.state is modern_server.state is State.OPEN
    ratio = modern_server.bytes_out / legacy_server.bytes_out
    assert ratio > 3, "each certificate must bring its own chain and no other"


def test_the_client_offers_its_twin_to_a_server_without_ml_dsa(yard):
    unable = TlsProfile("no-mldsa", HYBRID.groups, (ECDSA,), (ECDSA,))
    client, server = yard.handshake(
        yard.context(Side.CLIENT, HYBRID), yard.context(Side.SERVER, unable)
    )
    assert client.negotiated.client_signature == server.negotiated.client_signature == ECDSA


def test_ecdsa_only_client_is_refused_by_pqc_for_its_signature(yard):
    unable = TlsProfile("no-mldsa", PQC.groups, (ECDSA,), (ECDSA,))
    _, server = yard.handshake(yard.context(Side.CLIENT, unable), yard.context(Side.SERVER, PQC))
    assert server.refusal.reason is Reason.NO_COMMON_SIGNATURE


def test_wrong_name_is_refused_before_our_finished(yard):
    client, server = yard.handshake(
        yard.context(Side.CLIENT, HYBRID),
        yard.context(Side.SERVER, HYBRID, name="evil.example"),
    )
    assert client.refusal.reason is Reason.IDENTITY_MISMATCH
    assert "evil.example" in client.refusal.detail
    assert server.negotiated is None


def test_server_refuses_a_client_it_does_not_expect_and_the_client_learns(yard, wire):
    client, server = yard.handshake(
        yard.context(Side.CLIENT, HYBRID, name="rsu-0043.corridor.example"),
        yard.context(Side.SERVER, HYBRID),
    )
    assert server.refusal.reason is Reason.IDENTITY_MISMATCH
    assert client.refusal.reason is Reason.PEER_REFUSED


def test_stranger_root_is_refused(yard):
    stranger = Authority.root(ECDSA, "stranger", now=yard.now).issue(yard.server, now=yard.now)
    client, _ = yard.handshake(
        yard.context(Side.CLIENT, CLASSICAL),
        TlsContext(Side.SERVER, CLASSICAL, [stranger], [stranger.certificate]),
    )
    assert client.refusal.reason is Reason.UNTRUSTED


@pytest.mark.parametrize(
    ("shift_us", "reason"), [(30 * DAY_US, Reason.EXPIRED), (-30 * DAY_US, Reason.NOT_YET_VALID)]
)
def test_validity_is_judged_at_the_given_time(yard, shift_us, reason):
    client, _ = yard.handshake(
        yard.context(Side.CLIENT, CLASSICAL),
        yard.context(Side.SERVER, CLASSICAL),
        at=Time64(yard.now + shift_us),
    )
    assert client.refusal.reason is reason


def test_the_root_is_not_sent_and_no_session_resumes(yard):
    client, server = yard.handshake(
        yard.context(Side.CLIENT, CLASSICAL), yard.context(Side.SERVER, CLASSICAL)
    )
    # 2 certificates of ~450 B, hellos, CertificateVerify, Finished; a root more would pass 2,000
    assert 1_000 < server.bytes_out < 2_000
    assert 1_000 < client.bytes_out < 2_000


def test_truncation_is_not_a_clean_close(yard):
    client, _ = yard.handshake(
        yard.context(Side.CLIENT, CLASSICAL), yard.context(Side.SERVER, CLASSICAL)
    )
    client.end_of_input()
    assert client.refusal.reason is Reason.TRUNCATED


def test_a_flipped_bit_in_a_record_is_refused(yard):
    client, server = yard.handshake(
        yard.context(Side.CLIENT, HYBRID), yard.context(Side.SERVER, HYBRID)
    )
    client.send(b"open the barrier")
    record = bytearray(client.outgoing())
    record[-1] ^= 1
    assert server.receive(bytes(record)) == b""
    assert server.refusal.reason is Reason.MALFORMED


def test_endless_handshake_is_cut_off(yard):
    server = yard.context(Side.SERVER, HYBRID).session(at=yard.now, max_handshake_bytes=100)
    server.receive(b"\x16\x03\x01\x3f\xff" + bytes(200))
    assert server.refusal.reason in (Reason.TOO_LARGE, Reason.MALFORMED)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=600), st.integers(0, 1500), st.integers(0, 7))
def test_hostile_bytes_never_raise(yard, garbage, position, bit):
    context = yard.context(Side.SERVER, HYBRID)
    raw = context.session(at=yard.now)
    raw.receive(garbage)
    raw.outgoing()
    assert raw.state is not State.OPEN

    client = yard.context(Side.CLIENT, HYBRID).session(at=yard.now, expect=[yard.server])
    hello = bytearray(client.outgoing())
    body = len(hello) - 5  # the record header is not in the transcript
    hello[5 + position % body] ^= 1 << bit
    mutated = context.session(at=yard.now)
    mutated.receive(bytes(hello))
    client.receive(mutated.outgoing())
    mutated.receive(client.outgoing())
    assert mutated.state is not State.OPEN, "the transcript differs, Finished cannot match"


def test_callers_mistakes_raise_with_advice(yard):
    with pytest.raises(RoadsealError, match="whom it expects") as raised:
        yard.context(Side.CLIENT, HYBRID).session(at=yard.now)
    assert raised.value.code == "identity-required"
    with pytest.raises(RoadsealError) as raised:
        TlsContext(Side.SERVER, PQC, [yard.identity(ECDSA, "x")], [])
    assert raised.value.code == "identity-outside-profile"
    with pytest.raises(RoadsealError) as raised:
        TlsProfile("typo", ("X25519MLKEM786",), (ML_DSA,), (ML_DSA,))
    assert raised.value.code == "unknown-tls-parameter"
    crossed = replace(yard.identity(ECDSA, "x"), key=yard.identity(ECDSA, "y").key)
    with pytest.raises(RoadsealError) as raised:
        TlsContext(Side.SERVER, CLASSICAL, [crossed], [])
    assert raised.value.code == "identity-unusable"
    client = yard.context(Side.CLIENT, HYBRID).session(at=yard.now, expect=[yard.server])
    with pytest.raises(RoadsealError) as raised:
        client.send(b"too early")
    assert raised.value.code == "tls-not-open"


def test_keys_are_in_no_repr(yard):
    identity = yard.identity(ML_DSA, yard.client)
    seed = identity.key.private_bytes_raw().hex()
    assert repr(identity) == f"Identity(algorithm='{ML_DSA}')"
    assert seed not in repr(yard.issuers)
    assert "key" not in repr(yard.issuers[ML_DSA]).lower()
