//! Hostile captures: mutants of field captures, floods of flows, and streams that never end.

use std::path::PathBuf;

use flows::{Flows, Limits};
use frames::{Capture, LinkType, Packet};

fn material() -> Vec<PathBuf> {
    let root = std::env::var("ROADSEAL_TESTDATA").unwrap_or_else(|_| "../../../shared/data".to_owned());
    let Ok(folder) = std::fs::read_dir(PathBuf::from(root).join("inventory/ndpi")) else {
        eprintln!("skipped: no field captures under ROADSEAL_TESTDATA");
        return Vec::new();
    };
    let mut files: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "out"));
    files.sort();
    files
}

fn mutants() -> usize {
    std::env::var("ROADSEAL_FUZZ_MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(400)
}

/// A small generator of repeatable numbers (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Packets of the captures, each mutated before it goes in: no panic, no endless loop, bounded output.
#[test]
fn mutants_of_field_packets_never_panic() {
    let files = material();
    let mut numbers = Numbers(1);
    let mut looked = 0;
    while looked < mutants() && !files.is_empty() {
        let file = std::fs::read(&files[looked % files.len()]).expect("a capture");
        looked += 1;
        let mut table = Flows::default();
        let mut count = 0;
        for packet in Capture::new(&file).map_while(Result::ok).take(200) {
            let mut bytes = packet.captured.to_vec();
            for _ in 0..numbers.below(4) {
                if bytes.is_empty() {
                    break;
                }
                let at = numbers.below(bytes.len());
                match numbers.below(5) {
                    0 => bytes[at] = numbers.next() as u8,
                    1 => bytes[at] ^= 1 << numbers.below(8),
                    2 => bytes.truncate(at),
                    3 => bytes[at] = 0xff,
                    _ => drop(bytes.splice(at..at, [0; 3])),
                }
            }
            count += 1;
            table.packet(&Packet { captured: &bytes, ..packet });
        }
        let (flows, _) = table.finish();
        assert!(flows.len() <= 4 * count);
    }
}

/// A chain of extension headers that says more than there is, or a header where none may stand, was once read
/// beyond the end of the packet.
#[test]
fn broken_chains_of_ipv6_headers_are_read_as_far_as_they_go() {
    let kinds = [0_u8, 43, 44, 51, 60, 17];
    for first in kinds {
        for second in kinds {
            for third in kinds {
                for length in [0, 1, 2, 255] {
                    let mut packet = vec![0x60, 0, 0, 0, 0, 0, first, 64];
                    packet.extend([1; 32]);
                    packet.extend([second, 0, 0, 1, 0, 0, 0, 9]);
                    packet.extend([third, length, 0, 0, 0, 0, 0, 0]);
                    for end in 40..=packet.len() {
                        let mut cut = packet[..end].to_vec();
                        cut[5] = (end - 40) as u8;
                        let mut table = Flows::default();
                        table.packet(&Packet {
                            number: 1,
                            offset_in_file: 0,
                            timestamp_ns: None,
                            link_type: frames::LinkType::RAW,
                            captured: &cut,
                            original_len: end as u32,
                        });
                        assert!(table.finish().0.len() <= 2, "the headers of AH, and what it protects");
                    }
                }
            }
        }
    }
}

/// Every capture cut at every few bytes: what was read before the cut stands.
#[test]
fn truncated_captures_keep_what_came_before() {
    for path in material() {
        let file = std::fs::read(path).expect("a capture");
        for end in (0..file.len()).step_by((file.len() / 8).max(1)) {
            let mut table = Flows::default();
            let packets = Capture::new(&file[..end]).map_while(Result::ok);
            let seen = packets.map(|packet| table.packet(&packet)).count();
            let (flows, summary) = table.finish();
            assert!(
                flows.iter().map(|flow| flow.packets).sum::<u64>() + summary.unsupported_frames
                    <= 2 * seen as u64
            );
        }
    }
}

fn tcp(source: u32, port: u16, sequence: u32, flags: u8, data: &[u8]) -> Vec<u8> {
    let total = 40 + data.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(total.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    packet.extend(source.to_be_bytes());
    packet.extend([192, 0, 2, 1]);
    packet.extend(port.to_be_bytes());
    packet.extend(443u16.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
    packet.extend(data);
    packet
}

fn packet(number: u64, captured: &[u8]) -> Packet<'_> {
    Packet {
        number,
        offset_in_file: 0,
        timestamp_ns: None,
        link_type: LinkType::RAW,
        captured,
        original_len: captured.len() as u32,
    }
}

#[test]
fn a_flood_of_flows_evicts_the_oldest() {
    let mut table = Flows::new(Limits { max_flows: 100, ..Limits::default() });
    let mut evicted = 0;
    for source in 0..10_000u32 {
        table.packet(&packet(u64::from(source) + 1, &tcp(0x0a00_0000 + source, 4000, 1, 2, &[])));
        evicted += table.evicted().len();
    }
    assert_eq!(evicted, 9_900);
    assert_eq!(table.finish().0.len(), 100);
}

/// The same two sockets open and end again and again, in a full table: each is a flow of its own.
#[test]
fn sockets_used_again_are_other_flows() {
    let mut table = Flows::new(Limits { max_flows: 20_000, ..Limits::default() });
    let (mut frame, mut evicted) = (0, 0);
    let mut send = |table: &mut Flows, source: u32, flags: u8| {
        frame += 1;
        table.packet(&packet(frame, &tcp(source, 4000, 1, flags, &[])));
    };
    for source in 0..19_999u32 {
        send(&mut table, 0x0a00_0000 + source, 2);
    }
    for _ in 0..200_000 {
        send(&mut table, 1, 2);
        send(&mut table, 1, 4);
        evicted += table.evicted().len();
    }
    assert_eq!(evicted, 199_999);
    assert_eq!(table.finish().0.len(), 20_000);
}

/// Tiny segments, each after a hole: they cost no more than the few that are kept.
#[test]
fn tiny_segments_after_holes_are_bounded() {
    let mut table = Flows::default();
    table.packet(&packet(1, &tcp(1, 4000, 0, 2, &[])));
    for part in 0..200_000u32 {
        table.packet(&packet(2 + u64::from(part), &tcp(1, 4000, 10 + 2 * part, 0x18, &[22])));
    }
    let (flows, _) = table.finish();
    assert_eq!((flows.len(), flows[0].packets), (1, 200_001));
}

/// Handshakes that are begun and never ended hold no more than the limit between them.
#[test]
fn unfinished_handshakes_are_bounded() {
    let mut table = Flows::new(Limits { max_held: 1 << 20, ..Limits::default() });
    let mut hello = vec![22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3];
    hello.resize(1400, 0x5a);
    let mut evicted = 0;
    for source in 0..5_000u32 {
        table.packet(&packet(u64::from(source) + 1, &tcp(0x0a00_0000 + source, 4000, 1, 0x18, &hello)));
        evicted += table.evicted().len();
    }
    assert!(evicted > 4_000, "{evicted}");
}

/// The same bytes in every order of their segments give the same hello.
#[test]
fn the_order_of_segments_does_not_matter() {
    let mut hello = vec![22, 3, 1, 0, 49, 1, 0, 0, 45, 3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 6, 0x13, 0x02, 0x0a, 0x0a, 0xc0, 0x2f, 1, 0]);
    let parts = [(1u32, &hello[..10]), (11, &hello[10..30]), (31, &hello[30..])];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut table = Flows::default();
        table.packet(&packet(1, &tcp(1, 4000, 0, 2, &[])));
        for (frame, part) in order.into_iter().enumerate() {
            table.packet(&packet(2 + frame as u64, &tcp(1, 4000, parts[part].0, 0x18, parts[part].1)));
        }
        let (flows, _) = table.finish();
        let [flow] = &flows[..] else { panic!("one flow: {flows:?}") };
        let Some(flows::Session::Tls(tls)) = &flow.session else { panic!("TLS: {flow:?}") };
        let client = tls.handshake.client.as_ref().expect("a hello");
        assert_eq!(client.cipher_suites, [0x1302, 0xc02f], "GREASE is left out");
        assert!(!client.cut);
    }
}
