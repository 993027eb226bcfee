//! Messages in IP fragments: every order, overlaps, floods, mutants, and Wireshark as judge.

mod support;

use std::process::Command;

use frames::{Capture, Finder, Found, Kind, LinkType, Packet};
use support::*;

/// Cuts an IP packet into fragments of at most `size` octets of payload, a multiple of eight.
fn fragments(packet: &[u8], identification: u32, size: usize) -> Vec<Vec<u8>> {
    let is_v4 = packet[0] >> 4 == 4;
    let headers = if is_v4 { 20 } else { 48 }; // behind the hop-by-hop options of `ipv6_udp`
    let payload = &packet[headers..];
    let cut = |(index, data): (usize, &[u8])| {
        let start = index * size;
        let more = start + data.len() < payload.len();
        fragment(&packet[..headers], identification, start, more, data)
    };
    payload.chunks(size).enumerate().map(cut).collect()
}

fn fragment(headers: &[u8], identification: u32, start: usize, more: bool, data: &[u8]) -> Vec<u8> {
    let mut bytes = headers.to_vec();
    let position = start as u16 | u16::from(more);
    if headers.len() == 20 {
        bytes[2..4].copy_from_slice(&(20 + data.len() as u16).to_be_bytes());
        bytes[4..6].copy_from_slice(&(identification as u16).to_be_bytes());
        bytes[6..8].copy_from_slice(&((start as u16 / 8) | (u16::from(more) << 13)).to_be_bytes());
    } else {
        bytes[4..6].copy_from_slice(&(16 + data.len() as u16).to_be_bytes());
        let next = std::mem::replace(&mut bytes[40], 44);
        bytes.extend([next, 0]);
        bytes.extend(position.to_be_bytes());
        bytes.extend(identification.to_be_bytes());
    }
    bytes.extend(data);
    bytes
}

/// A sequence of raw frames, each at its second; what is found, as frame and octets.
fn read(timed: &[(u64, Vec<u8>)]) -> (Vec<(u64, Vec<u8>)>, u64) {
    let (mut finder, mut found) = (Finder::default(), Vec::new());
    for (number, (second, frame)) in (1..).zip(timed) {
        let timestamp_ns = Some(second * 1_000_000_000);
        let packet = Packet { number, timestamp_ns, ..packet(LinkType::RAW, frame) };
        finder.packet(&packet, &mut |one| {
            if let Found::Message(message) = one {
                assert_eq!(message.kind, Kind::Spdu);
                found.push((message.frame, message.bytes.to_vec()));
            }
        });
    }
    (found, finder.incomplete())
}

fn at_once(frames: &[Vec<u8>]) -> (Vec<(u64, Vec<u8>)>, u64) {
    read(&frames.iter().map(|frame| (1, frame.clone())).collect::<Vec<_>>())
}

fn both(spdu: &[u8]) -> [Vec<u8>; 2] {
    [ipv4_udp(spdu), ipv6_udp(spdu)]
}

#[test]
fn fragments_join_in_every_order_and_twice() {
    let spdu = sample_spdu();
    for packet in both(&spdu) {
        let parts = fragments(&packet, 7, 40);
        assert_eq!(parts.len(), 3);
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let sent = order.map(|at| parts[at].clone());
            assert_eq!(at_once(&sent), (vec![(3, spdu.clone())], 0), "{order:?}");
            let [a, b, c] = sent;
            let repeated = [a.clone(), a.clone(), b.clone(), a, c.clone(), b, c];
            assert_eq!(at_once(&repeated), (vec![(5, spdu.clone())], 0), "{order:?}, some twice");
        }
    }
}

#[test]
fn the_pieces_of_a_message_stand_where_they_are_said_to() {
    let spdu = sample_spdu();
    let frames: Vec<_> =
        fragments(&ipv4_udp(&spdu), 7, 40).iter().rev().map(|part| ethernet(0x0800, part)).collect();
    let file = Writer { big_endian: false }.pcap(false, LinkType::ETHERNET, &frames);
    let mut finder = Finder::default();
    let mut messages = 0;
    for packet in Capture::new(&file) {
        finder.packet(&packet.expect("whole"), &mut |found| {
            let Found::Message(message) = found else { return };
            messages += 1;
            let begin = message.offset as usize;
            assert_eq!(file[begin..begin + 32], spdu[..32], "the first fragment has 40, 8 of them UDP's");
            let pieces: Vec<_> = message.pieces.iter().map(|piece| (piece.start, piece.frame)).collect();
            assert_eq!(pieces, [(20, 3), (60, 2), (100, 1)]);
            for (piece, part) in message.pieces[1..].iter().zip(spdu[32..].chunks(40)) {
                let begin = piece.offset as usize;
                assert_eq!(&file[begin..begin + part.len()], part);
            }
        });
    }
    assert_eq!(messages, 1);
}

#[test]
fn overlapping_fragments_are_dropped_with_those_to_come() {
    let spdu = sample_spdu();
    for packet in both(&spdu) {
        let headers = packet.len() - spdu.len() - 8;
        let payload = &packet[headers..];
        let part = |start: usize, end: usize| {
            fragment(&packet[..headers], 7, start, end < payload.len(), &payload[start..end])
        };
        let whole = [part(0, 40), part(40, 80), part(80, payload.len())];
        let forged = fragment(&packet[..headers], 7, 40, true, &[0xee; 40]);
        let early = fragment(&packet[..headers], 7, 32, false, &payload[32..37]);
        let intruders = [part(32, 48), part(0, 48), part(8, 40), part(40, 72), forged, early];
        for (name, intruder) in intruders.iter().enumerate() {
            for place in 0..2 {
                let mut frames = whole.to_vec();
                frames.insert(1 + place, intruder.clone());
                frames.push(whole[0].clone());
                assert_eq!(at_once(&frames), (vec![], 1), "intruder {name} at {place}: RFC 5722 clause 4");
            }
        }
        assert_eq!(at_once(&whole).0.len(), 1, "without an intruder it is a message");
    }
}

#[test]
fn a_number_is_used_again_for_another_packet() {
    let (first, mut second) = (sample_spdu(), sample_spdu());
    second[60] ^= 0xff;
    for (one, other) in both(&first).into_iter().zip(both(&second)) {
        let (one, other) = (fragments(&one, 7, 40), fragments(&other, 7, 40));
        // At once, if the first is complete: its last fragment is the same in both, so it is waited for.
        let frames = [&one[..], &other[1..2], &other[..1], &other[2..]].concat();
        assert_eq!(at_once(&frames).0.len(), 2);
        // If it is not, after a minute.
        let timed = |second: u64, parts: &[Vec<u8>]| -> Vec<_> {
            parts.iter().map(|part| (second, part.clone())).collect()
        };
        let wait = |seconds: u64| -> Vec<(u64, Vec<u8>)> {
            [timed(1, &one[..2]), timed(1 + seconds, &other)].concat()
        };
        assert_eq!(read(&wait(61)), (vec![(5, second.clone())], 1));
        assert_eq!(read(&wait(60)), (vec![], 1), "one and the same, and they contradict each other");
    }
}

#[test]
fn fragments_of_different_packets_are_kept_apart() {
    let spdu = sample_spdu();
    let v4 = fragments(&ipv4_udp(&spdu), 7, 40);
    let changed = |at: usize, value: u8| {
        let mut parts = v4.clone();
        parts[1][at] = value;
        parts
    };
    for (name, at) in [("identification", 5), ("protocol", 9), ("source", 15), ("destination", 19)] {
        assert_eq!(at_once(&changed(at, 0x99)), (vec![], 2), "{name}");
    }
    // In IPv6 the first fragment alone says what the packet is (RFC 8200 clause 4.5).
    let mut v6 = fragments(&ipv6_udp(&spdu), 7, 40);
    v6[1][48] = 59;
    assert_eq!(at_once(&v6).0.len(), 1);
    v6[1][48 + 7] = 8; // identification
    assert_eq!(at_once(&v6), (vec![], 2));
}

#[test]
fn what_cannot_become_a_packet_is_counted() {
    let spdu = sample_spdu();
    for packet in both(&spdu) {
        let parts = fragments(&packet, 7, 40);
        assert_eq!(at_once(&parts[1..]), (vec![], 1), "the first is missing");
        let mut cut = parts.clone();
        let end = cut[1].len() - 8;
        cut[1].truncate(end);
        assert_eq!(at_once(&cut), (vec![], 1), "the capture kept a part of one");
        let headers = packet.len() - spdu.len() - 8;
        let part = |start, more, data: &[u8]| fragment(&packet[..headers], 7, start, more, data);
        assert_eq!(at_once(&[part(0, true, &[1; 39])]), (vec![], 1), "no multiple of eight");
        assert_eq!(at_once(&[part(0, true, &[])]), (vec![], 1), "empty");
        let long: Vec<_> = (0..8).map(|at| part(at * 8192, at < 7, &[0; 8192])).collect();
        assert_eq!(at_once(&long), (vec![], 1), "longer than a packet can be");
    }
}

/// RFC 6946: a packet in one fragment is whole, whatever others of its number are about.
#[test]
fn an_atomic_fragment_is_a_whole_packet() {
    let spdu = sample_spdu();
    let packet = ipv6_udp(&spdu);
    let atomic = fragment(&packet[..48], 7, 0, false, &packet[48..]);
    let parts = fragments(&packet, 7, 40);
    let frames = [parts[0].clone(), atomic, parts[1].clone(), parts[2].clone()];
    assert_eq!(at_once(&frames), (vec![(2, spdu.clone()), (4, spdu)], 0));
}

#[test]
fn a_flood_of_fragments_displaces_the_oldest_only() {
    let spdu = sample_spdu();
    let parts = fragments(&ipv4_udp(&spdu), 7, 40);
    let filler = |number: u32| fragment(&ipv4_udp(&spdu)[..20], 1000 + number, 0, true, &[0; 1400]);
    for (flood, messages) in [(1_000, 1), (5_000, 0)] {
        let mut frames: Vec<_> = parts[..1].to_vec();
        frames.extend((0..flood).map(filler));
        frames.extend_from_slice(&parts[1..]);
        let (found, incomplete) = at_once(&frames);
        assert_eq!(found.len(), messages, "{flood}");
        assert_eq!(
            incomplete,
            u64::from(flood) + 2 * (1 - messages as u64),
            "{flood}: what was lost, and its rest"
        );
    }
}

/// Mutants of fragments in any order: no panic, and nothing comes out but what went in.
#[test]
fn mutated_fragments() {
    const ROUNDS: usize = 20_000;
    let mut random = Random(5);
    let (mut joined, spdu) = (0, sample_spdu());
    for round in 0..ROUNDS {
        let packet = both(&spdu)[round % 2].clone();
        let mut parts = fragments(&packet, round as u32, 8 + 8 * random.below(5));
        for _ in 0..parts.len() {
            let (one, other) = (random.below(parts.len()), random.below(parts.len()));
            parts.swap(one, other);
        }
        let victim = random.below(parts.len());
        if random.below(2) == 0 {
            random.mutate(&mut parts[victim]);
        } else {
            let copy = parts[victim].clone();
            parts.insert(random.below(parts.len()), copy);
        }
        let (mut finder, mut sent) = (Finder::default(), Vec::new());
        for part in &parts {
            sent.extend_from_slice(part);
            finder.packet(&support::packet(LinkType::RAW, part), &mut |found| {
                let Found::Message(message) = found else { return };
                joined += usize::from(message.bytes == spdu && !message.pieces.is_empty());
                for octets in message.bytes.chunks(8) {
                    assert!(sent.windows(octets.len()).any(|known| known == octets), "round {round}");
                }
            });
        }
    }
    assert!(joined > ROUNDS / 2, "{joined} came through");
}

/// Payload and frames of each datagram of the field, cut, shuffled, and some fragments sent twice.
#[test]
fn wireshark_joins_the_same_fragments() {
    let Some(spdus) = field_spdus() else { return };
    let (mut random, mut frames) = (Random(9), Vec::new());
    for (number, (_, spdu)) in (0..).zip(&spdus) {
        let packet = if random.below(2) == 0 { ipv4_udp(spdu) } else { ipv6_udp(spdu) };
        let mut parts = fragments(&packet, number, 32 + 8 * random.below(16));
        for at in (1..parts.len()).rev() {
            parts.swap(at, random.below(at + 1));
        }
        let twice = parts[0].clone();
        parts.insert(1, twice);
        frames.extend(parts);
    }
    let file = Writer { big_endian: false }.pcap(false, LinkType::RAW, &frames);
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("fragments.pcap");
    std::fs::write(&path, &file).expect("written");
    let fields = ["frame.number", "udp.payload", "ip.fragment", "ipv6.fragment"];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(&path).args(["-T", "fields", "-Y", "udp"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let Ok(output) = command.output() else {
        eprintln!("skipped: tshark does not run");
        return;
    };
    let text = String::from_utf8(output.stdout).expect("text");
    let theirs: Vec<_> = text.lines().map(|line| line.split('\t').collect::<Vec<_>>()).collect();
    let mut ours = Vec::new();
    let mut finder = Finder::default();
    for packet in Capture::new(&file) {
        finder.packet(&packet.expect("whole"), &mut |found| {
            let Found::Message(message) = found else { return };
            let mut from: Vec<_> = message.pieces.iter().map(|piece| piece.frame).collect();
            from.sort_unstable();
            ours.push((message.frame, message.bytes.to_vec(), from));
        });
    }
    assert_eq!((ours.len(), finder.incomplete()), (spdus.len(), 0));
    assert_eq!(theirs.len(), ours.len());
    for (columns, (frame, bytes, from)) in theirs.iter().zip(ours) {
        assert_eq!(columns[0], frame.to_string());
        assert_eq!(hex(columns[1]), bytes, "frame {frame}");
        let listed = [columns[2], columns[3]].concat();
        let mut listed: Vec<u64> = listed.split(',').filter_map(|at| at.parse().ok()).collect();
        listed.sort_unstable();
        // Wireshark lists what came twice once more; the first of the two is the one that counts.
        listed.retain(|at| from.contains(at));
        assert_eq!(listed, from, "frame {frame}");
    }
}
