//! A hundred thousand mutants of every kind: no panic, and whatever is found is really there.

mod support;

use frames::{Capture, CaptureReader, LinkType, candidate_offsets, geonet_payload, messages, wsmp};
use support::*;

const MUTANTS: usize = 100_000;

/// Everything the crate does with a frame.
fn look_into(link_type: LinkType, frame: &[u8], cut: usize) {
    let mut packet = packet(link_type, frame);
    packet.original_len += cut as u32;
    for found in messages(&packet) {
        let begin = found.offset as usize;
        assert_eq!(&frame[begin..begin + found.bytes.len()], found.bytes);
        if let Some(payload) = geonet_payload(found.bytes) {
            let end = payload.facilities_offset + payload.facilities_len;
            assert!(end <= found.bytes.len());
        }
        if let Some(message) = wsmp::wsm(found.bytes) {
            assert!(message.data.len() <= message.stated_len);
        }
    }
}

#[test]
fn mutated_frames() {
    let spdu = sample_spdu();
    let payloads = [
        (GEONETWORKING, geonet_secured(&spdu)),
        (GEONETWORKING, geonet_unsecured()),
        (GEONETWORKING, geonet_secured(&legacy_spdu())),
        (WSMP, wsmp_with_elements(0x20_4097, &spdu)),
        (WSMP, wsmp_2(0x20, &spdu)),
    ];
    let mut kinds: Vec<Vec<(LinkType, Vec<u8>)>> = Vec::new();
    for (ether_type, payload) in &payloads {
        let links = every_link(*ether_type, payload);
        let udp = every_udp(payload);
        kinds.resize(links.len() + udp.len() + 2, Vec::new());
        let all = links.into_iter().chain(udp).map(|(_, link_type, frame)| (link_type, frame));
        let user = (LinkType::USER0, payload.clone());
        let several = (LinkType::IEEE802_11, aggregate(*ether_type, [payload, payload]));
        for (kind, frame) in kinds.iter_mut().zip(all.chain([user, several])) {
            kind.push(frame);
        }
    }
    let halves = kinds.chunks(kinds.len().div_ceil(2));
    std::thread::scope(|scope| {
        for (seed, half) in (1..).zip(halves) {
            scope.spawn(move || {
                let mut random = Random(seed);
                for kind in half {
                    for _ in 0..MUTANTS {
                        let (link_type, frame) = &kind[random.below(kind.len())];
                        let mut mutant = frame.clone();
                        random.mutate(&mut mutant);
                        look_into(*link_type, &mutant, random.below(2) * 9);
                    }
                }
            });
        }
    });
}

#[test]
fn mutated_captures() {
    let frame = ocb(WSMP, &wsmp(0x20, &sample_spdu()));
    let typed = [(LinkType::IEEE802_11, frame.clone()), (LinkType::IEEE802_11, frame.clone())];
    let frames = typed.clone().map(|(_, frame)| frame);
    let mut kinds = Vec::new();
    for writer in [Writer { big_endian: false }, Writer { big_endian: true }] {
        kinds.push(writer.pcap(false, LinkType::IEEE802_11, &frames));
        let mut file = writer.pcapng(&typed);
        file.extend(writer.simple(frame.len() as u32, &frame));
        file.extend(writer.obsolete(1, 7, &frame));
        file.extend(writer.block(0x8000_0001, &[0; 4])); // process information, unknown options
        kinds.push(file);
    }
    std::thread::scope(|scope| {
        for (seed, file) in (11..).zip(&kinds) {
            scope.spawn(move || {
                let mut random = Random(seed);
                for _ in 0..MUTANTS {
                    let mut mutant = file.clone();
                    random.mutate(&mut mutant);
                    read(&mutant);
                }
            });
        }
    });
}

/// Memory and stream must give the same packets and the same error.
fn read(file: &[u8]) {
    let mut reader = CaptureReader::new(file);
    let mut number = 0;
    for packet in Capture::new(file) {
        assert_eq!(reader.next_packet(), packet.clone().map(Some));
        let Ok(packet) = packet else { break };
        number += 1;
        assert_eq!(packet.number, number);
        let begin = packet.offset_in_file as usize;
        assert_eq!(&file[begin..begin + packet.captured.len()], packet.captured);
        for found in messages(&packet) {
            let begin = found.offset as usize;
            assert_eq!(&file[begin..begin + found.bytes.len()], found.bytes);
        }
    }
    assert_eq!(reader.next_packet(), Ok(None));
}

#[test]
fn noise() {
    let mut random = Random(99);
    for _ in 0..MUTANTS {
        let mut bytes: Vec<u8> = (0..random.below(80)).map(|_| random.next() as u8).collect();
        for link_type in [0, 1, 101, 105, 113, 119, 127, 147, 163, 192, 239, 276, 281, 282, 284, 285] {
            look_into(LinkType(link_type), &bytes, 0);
        }
        assert!(candidate_offsets(&bytes).all(|at| bytes[at] == 3));
        for magic in [0x0a0d_0d0au32, 0xa1b2_c3d4, 0xd4c3_b2a1, 0xa1b2_cd34] {
            if let Some(head) = bytes.first_chunk_mut() {
                *head = magic.to_le_bytes();
            }
            let _ = Capture::new(&bytes).count();
        }
    }
}

#[test]
fn deep_nesting_costs_no_stack() {
    // Every header type that could contain itself, as often as a frame can hold it.
    let ppi = [0, 0, 8, 0, 192, 0, 0, 0].repeat(30_000);
    look_into(LinkType::PPI, &ppi, 0);
    let tags = [&[0; 12], &[0x81, 0, 0, 1].repeat(60_000)[..]].concat();
    look_into(LinkType::ETHERNET, &tags, 0);
    let mut elements = ethernet(WSMP, &[0x0b, 0xbf, 0xff]);
    elements.extend([15, 0].repeat(60_000));
    look_into(LinkType::ETHERNET, &elements, 0);
    let ipv6: Vec<u8> = [&[0x60, 0, 0, 0, 0xff, 0xff, 0, 64], &[0; 32][..], &[0; 60_000]].concat();
    look_into(LinkType::RAW, &ipv6, 0);
}
