//! Every link layer and every network layer, down to the first byte of the message.

mod support;

use frames::{Kind, LinkType, Located, Network, geonet_payload, messages, spdus};
use support::*;

fn only<'a>(found: &[Located<'a>], name: &str) -> Located<'a> {
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0]
}

#[test]
fn the_log_of_a_firewall_is_read_in_the_byte_order_of_its_machine() {
    let spdu = sample_spdu();
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let frame = firewall_log(&ipv6_udp(&spdu), order);
        let found = only(&spdus(&packet(LinkType::NFLOG, &frame)), "nflog");
        assert_eq!(found.bytes, spdu);
    }
}

/// Where `part` stands in `whole`.
fn position(whole: &[u8], part: &[u8]) -> u64 {
    whole.windows(part.len()).position(|window| window == part).expect("the part") as u64
}

#[test]
fn secured_geonetworking_is_found_on_every_link() {
    let spdu = sample_spdu();
    for (name, link_type, frame) in every_link(GEONETWORKING, &geonet_secured(&spdu)) {
        let found = only(&spdus(&packet(link_type, &frame)), name);
        assert_eq!((found.network, found.kind, found.psid), (Network::GeoNetworking, Kind::Spdu, None));
        assert_eq!(found.offset, position(&frame, &spdu), "{name}");
        assert_eq!(found.bytes, spdu, "{name}: no frame check sequence, no padding");
        assert!(found.whole && !found.legacy_v2());
    }
}

#[test]
fn wave_short_messages_are_found_on_every_link() {
    let spdu = sample_spdu();
    for psid in [0x20, 0x82, 0x4080, 0x20_4097] {
        for payload in [wsmp(psid, &spdu), wsmp_with_elements(psid, &spdu), wsmp_2(psid, &spdu)] {
            for (name, link_type, frame) in every_link(WSMP, &payload) {
                let found = only(&spdus(&packet(link_type, &frame)), name);
                assert_eq!((found.network, found.psid), (Network::Wsmp, Some(psid)), "{name}");
                assert_eq!(found.offset, position(&frame, &spdu), "{name}");
                assert_eq!(found.bytes, spdu, "{name}");
            }
        }
    }
}

#[test]
fn udp_carries_spdus_geonetworking_and_wave_short_messages() {
    let spdu = sample_spdu();
    let cases = [
        (spdu.clone(), Network::Udp, None),
        (geonet_secured(&spdu), Network::GeoNetworking, None),
        (wsmp(0x20, &spdu), Network::Wsmp, Some(0x20)),
    ];
    for (payload, network, psid) in cases {
        for (name, link_type, frame) in every_udp(&payload) {
            let found = only(&spdus(&packet(link_type, &frame)), name);
            assert_eq!((found.network, found.psid), (network, psid), "{name}");
            assert_eq!(found.offset, position(&frame, &spdu), "{name}");
            assert_eq!(found.bytes, spdu, "{name}");
        }
    }
}

#[test]
fn user_link_types_are_known_by_structure() {
    let spdu = sample_spdu();
    let cases = [
        (spdu.clone(), Network::Bare),
        (geonet_secured(&spdu), Network::GeoNetworking),
        (wsmp(0x20, &spdu), Network::Wsmp),
    ];
    for (frame, network) in cases {
        for user in 147..=162 {
            let found = only(&spdus(&packet(LinkType(user), &frame)), "user");
            assert_eq!((found.network, found.bytes), (network, &spdu[..]));
        }
    }
    assert!(!LinkType(163 + 1).is_supported() && LinkType(147).is_supported());
}

#[test]
fn unsecured_geonetworking_is_a_message_but_no_spdu() {
    let payload = geonet_unsecured();
    let mut ways = every_link(GEONETWORKING, &payload);
    ways.extend(every_udp(&payload));
    for (name, link_type, frame) in ways {
        let packet = packet(link_type, &frame);
        assert_eq!(spdus(&packet), [], "{name}");
        let found = only(&messages(&packet), name);
        assert_eq!(found.kind, Kind::Unsecured);
        assert_eq!(found.bytes, common_header_on(), "{name}");
        let headers = geonet_payload(found.bytes).expect("headers");
        assert_eq!(headers.btp_port, Some(2001));
        assert_eq!(headers.source.latitude_e7, 525_200_000);
        assert_eq!(found.bytes[headers.facilities_offset..], [0x02, 0x02, 0xca, 0xfe, 0x00]);
    }
}

#[test]
fn unsecured_wave_short_messages_are_messages_but_no_spdus() {
    let payload = wsmp(0x20, &[0x00, 0x14, 0x25]);
    for (name, link_type, frame) in every_link(WSMP, &payload) {
        let packet = packet(link_type, &frame);
        assert_eq!(spdus(&packet), [], "{name}");
        let found = only(&messages(&packet), name);
        assert_eq!((found.kind, found.bytes), (Kind::Unsecured, &[0x00, 0x14, 0x25][..]));
    }
}

#[test]
fn older_versions_are_named_not_dropped() {
    let legacy = legacy_spdu();
    let mut ways = every_link(GEONETWORKING, &geonet_secured(&legacy));
    ways.extend(every_link(WSMP, &wsmp_2(0x20, &legacy)));
    ways.extend(every_udp(&legacy));
    ways.extend(every_udp(&geonet_secured(&legacy)));
    ways.push(("user", LinkType::USER0, legacy.clone()));
    for (name, link_type, frame) in ways {
        let found = only(&spdus(&packet(link_type, &frame)), name);
        assert_eq!(found.kind, Kind::Legacy { version: 2 }, "{name}");
        assert!(found.legacy_v2());
        assert_eq!(found.bytes, legacy, "{name}");
    }
}

#[test]
fn a_packet_that_claims_security_in_vain_is_malformed() {
    for begin in [[0x00, 0x81], [0x03, 0x20], [0x04, 0x81], [0xff, 0xff]] {
        let frame = ethernet(GEONETWORKING, &geonet_secured(&begin));
        assert_eq!(only(&spdus(&packet(LinkType::ETHERNET, &frame)), "claim").kind, Kind::Malformed);
    }
    let frame = ethernet(GEONETWORKING, &geonet_secured(&[]));
    assert_eq!(messages(&packet(LinkType::ETHERNET, &frame)), []);
}

#[test]
fn a_later_version_of_geonetworking_is_not_passed_over() {
    let mut payload = geonet_secured(&sample_spdu());
    payload[0] = 0x22;
    let frame = ethernet(GEONETWORKING, &payload);
    assert_eq!(only(&spdus(&packet(LinkType::ETHERNET, &frame)), "declared").kind, Kind::Spdu);
    let frame = ipv4_udp(&payload);
    assert_eq!(messages(&packet(LinkType::RAW, &frame)), [], "undeclared, it is a guess too many");
}

#[test]
fn an_aggregate_carries_several() {
    let (first, second) = (sample_spdu(), legacy_spdu());
    let payloads = [geonet_secured(&first), geonet_secured(&second)];
    let frame = aggregate(GEONETWORKING, [&payloads[0], &payloads[1]]);
    let found = spdus(&packet(LinkType::IEEE802_11, &frame));
    let bytes: Vec<_> = found.iter().map(|message| message.bytes).collect();
    assert_eq!(bytes, [&first[..], &second[..]]);
}

#[test]
fn what_is_no_whole_readable_frame_carries_nothing() {
    let spdu = sample_spdu();
    let frame = ocb(GEONETWORKING, &geonet_secured(&spdu));
    let changed = |at: usize, value: u8| {
        let mut frame = frame.clone();
        frame[at] = value;
        frame
    };
    let cases = [
        ("management", changed(0, 0x80)),
        ("control", changed(0, 0xb4)),
        ("no data", changed(0, 0xc8)),
        ("encrypted", changed(1, 0x40)),
        ("first fragment", changed(1, 0x04)),
        ("later fragment", changed(22, 0x11)),
        ("other organisation", changed(29, 0x01)),
    ];
    for (name, frame) in cases {
        assert_eq!(messages(&packet(LinkType::IEEE802_11, &frame)), [], "{name}");
    }
    let mut fragment = ipv4_udp(&spdu);
    fragment[6] = 0x20; // more fragments
    assert_eq!(messages(&packet(LinkType::RAW, &fragment)), []);
}

#[test]
fn a_cut_frame_says_so() {
    let frame = radiotap(&ocb(GEONETWORKING, &geonet_secured(&sample_spdu())), true);
    let mut packet = packet(LinkType::IEEE802_11_RADIOTAP, &frame);
    packet.captured = &frame[..frame.len() - 30];
    let found = only(&spdus(&packet), "cut");
    assert!(!found.whole);
    // The frame check sequence is in the part that was cut: nothing is taken off twice.
    assert_eq!(found.bytes.len(), sample_spdu().len() + 4 - 30);
}
