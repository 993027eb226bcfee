//! Wireshark's dissectors as judge: the same layers at the same places.
//!
//! Skipped, with a message, where `tshark` or the field data is not at hand.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use frames::{Capture, Kind, LinkType, Located, Network, Packet, geonet_payload, messages};
use support::*;

/// Version 4.0 stops at a capture with these.
const UNKNOWN_TO_WIRESHARK: [LinkType; 4] =
    [LinkType::DSA_TAG_BRCM, LinkType::DSA_TAG_BRCM_PREPEND, LinkType::DSA_TAG_DSA, LinkType::DSA_TAG_EDSA];

/// What Wireshark says of a capture: one text (PDML) for each frame.
fn dissect(file: &Path) -> Option<Vec<String>> {
    let output = match Command::new("tshark").arg("-r").arg(file).args(["-T", "pdml"]).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: tshark does not run ({error})");
            return None;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.split("<packet>").skip(1).map(str::to_owned).collect())
}

/// An attribute of the first (or last) field or protocol called `name`.
fn first(frame: &str, name: &str, attribute: &str) -> Option<String> {
    attribute_of(frame.lines().find(|line| is_called(line, name))?, attribute)
}

fn last(frame: &str, name: &str, attribute: &str) -> Option<String> {
    attribute_of(frame.lines().rfind(|line| is_called(line, name))?, attribute)
}

fn is_called(line: &str, name: &str) -> bool {
    line.contains(&format!(" name=\"{name}\""))
}

fn attribute_of(line: &str, attribute: &str) -> Option<String> {
    let (_, value) = line.split_once(&format!(" {attribute}=\""))?;
    value.split('"').next().map(str::to_owned)
}

fn number(text: Option<String>) -> Option<u64> {
    text?.parse().ok()
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("peer");
    std::fs::create_dir_all(&directory).expect("a directory");
    let path = directory.join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

/// Writes `frames` as one pcapng, has both read it, and gives each pair to `compare`.
fn compare_all(
    file_name: &str,
    frames: &[(String, LinkType, Vec<u8>)],
    compare: impl Fn(&str, Located<'_>, u64, &str),
) {
    let frames: Vec<_> = frames.iter().filter(|(_, link, _)| !UNKNOWN_TO_WIRESHARK.contains(link)).collect();
    let typed: Vec<_> = frames.iter().map(|(_, link, frame)| (*link, frame.clone())).collect();
    let file = Writer { big_endian: false }.pcapng(&typed);
    let Some(dissected) = dissect(&write(file_name, &file)) else { return };
    assert_eq!(dissected.len(), frames.len(), "frames dissected");
    for ((packet, peer), (name, ..)) in Capture::new(&file).zip(&dissected).zip(frames) {
        let packet: Packet<'_> = packet.expect("whole");
        let found = messages(&packet);
        assert_eq!(found.len(), 1, "{name}");
        compare(name, found[0], found[0].offset - packet.offset_in_file, peer);
    }
}

fn named(
    prefix: &str,
    frames: Vec<(&'static str, LinkType, Vec<u8>)>,
) -> impl Iterator<Item = (String, LinkType, Vec<u8>)> + use<> {
    let prefix = prefix.to_owned();
    frames.into_iter().map(move |(name, link, frame)| (format!("{prefix} on {name}"), link, frame))
}

/// Eight BSM and eight MAP of the field.
fn some_field_spdus() -> Option<Vec<(u32, Vec<u8>)>> {
    let all = field_spdus()?;
    let of = |psid| all.iter().filter(move |(p, _)| *p == psid).take(8).cloned();
    Some(of(BSM_PSID).chain(of(0x20_4097)).collect())
}

#[test]
fn secured_geonetworking_stands_where_wireshark_sees_it() {
    let Some(spdus) = some_field_spdus() else { return };
    let frames: Vec<_> = spdus
        .iter()
        .flat_map(|(_, spdu)| named("GN", every_link(GEONETWORKING, &geonet_secured(spdu))))
        .collect();
    compare_all("geonetworking.pcapng", &frames, |name, found, offset, peer| {
        let begin = first(peer, "ieee1609dot2.Ieee1609Dot2Data_element", "pos");
        assert_eq!(number(begin), Some(offset), "{name}");
        assert!(is_called(peer, "gnw"), "{name}");
        assert_eq!((found.network, found.kind), (Network::GeoNetworking, Kind::Spdu));
    });
}

#[test]
fn wave_short_messages_stand_where_wireshark_sees_them() {
    let Some(spdus) = some_field_spdus() else { return };
    let frames: Vec<_> = spdus
        .iter()
        .flat_map(|(psid, spdu)| {
            let plain = named("WSMP", every_link(WSMP, &wsmp(*psid, spdu)));
            let elements = named("WSMP+", every_link(WSMP, &wsmp_with_elements(*psid, spdu)));
            plain.chain(elements)
        })
        .collect();
    compare_all("wsmp.pcapng", &frames, |name, found, offset, peer| {
        let psid = first(peer, "wsmp.psid", "value").and_then(|v| u32::from_str_radix(&v, 16).ok());
        let shown = first(peer, "wsmp.psid", "show").expect("PSID");
        let peer_psid = u32::from_str_radix(shown.trim_start_matches("0x"), 16).ok();
        assert_eq!(found.psid, peer_psid, "{name} ({psid:?})");
        // The last length field is that of the message, which follows it at once.
        let length = |attribute| number(last(peer, "wsmp.wave_ie_len", attribute));
        assert_eq!(Some(offset), length("pos").zip(length("size")).map(|(p, s)| p + s), "{name}");
        // Wireshark 4.0 goes on into the SPDU for two PSIDs only, this is one of them.
        if found.psid == Some(BSM_PSID) {
            let begin = first(peer, "ieee1609dot2.Ieee1609Dot2Data_element", "pos");
            assert_eq!(number(begin), Some(offset), "{name}");
        }
    });
}

#[test]
fn wave_short_messages_of_2010_stand_where_wireshark_sees_them() {
    let frames: Vec<_> = named("WSMP 2", every_link(WSMP, &wsmp_2(0x82, &sample_spdu()))).collect();
    compare_all("wsmp-2.pcapng", &frames, |name, found, offset, peer| {
        let begin = number(first(peer, "wsmp.wsmlength", "pos")).map(|pos| pos + 2);
        assert_eq!(begin, Some(offset), "{name}");
        let shown = first(peer, "wsmp.psid", "show");
        assert_eq!((shown.as_deref(), found.psid), (Some("0x00000082"), Some(0x82)));
    });
}

#[test]
fn headers_of_unsecured_packets_read_as_wireshark_reads_them() {
    let kinds: [(u8, usize, usize); 6] =
        [(0x20, 4, 20), (0x30, 4, 16), (0x41, 4, 16), (0x50, 0, 4), (0x51, 4, 0), (0x42, 4, 16)];
    let frames: Vec<_> = kinds
        .iter()
        .flat_map(|&(kind, before, after)| {
            let packet = [&[0x11, 0, 0x1a, 1], &common_header_of(kind, before, after)[..]].concat();
            named(&format!("GN {kind:#x}"), every_link(GEONETWORKING, &packet))
        })
        .collect();
    compare_all("unsecured.pcapng", &frames, |name, found, offset, peer| {
        assert_eq!(found.kind, Kind::Unsecured);
        assert_eq!(number(first(peer, "geonw.ch", "pos")), Some(offset), "{name}");
        let payload = geonet_payload(found.bytes).expect("headers");
        let shown = |field| first(peer, field, "show");
        assert_eq!(shown("btpb.dstport"), payload.btp_port.map(|port| port.to_string()), "{name}");
        assert_eq!(shown("geonw.src_pos.lat"), Some(payload.source.latitude_e7.to_string()));
        assert_eq!(shown("geonw.src_pos.long"), Some(payload.source.longitude_e7.to_string()));
        assert_eq!(shown("geonw.src_pos.tst"), Some(payload.source.timestamp_ms.to_string()));
        let facilities = number(first(peer, "btpb", "pos")).map(|pos| pos + 4);
        assert_eq!(facilities, Some(offset + payload.facilities_offset as u64), "{name}");
    });
}

#[test]
fn datagrams_begin_where_wireshark_sees_them() {
    let frames: Vec<_> = named("UDP", every_udp(&sample_spdu())).collect();
    compare_all("udp.pcapng", &frames, |name, found, offset, peer| {
        let begin = number(first(peer, "udp.payload", "pos"));
        assert_eq!(begin, Some(offset), "{name}");
        assert_eq!(found.network, Network::Udp);
    });
}

/// Number, captured length, original length, time in nanoseconds.
type Seen = (u64, usize, u32, Option<u64>);

fn seen_by_peer(file: &Path) -> Option<Vec<Seen>> {
    let fields = ["frame.number", "frame.cap_len", "frame.len", "frame.time_epoch"];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-T", "fields"]);
    fields.iter().for_each(|field| {
        command.args(["-e", field]);
    });
    let Ok(output) = command.output() else {
        eprintln!("skipped: tshark does not run");
        return None;
    };
    let text = String::from_utf8(output.stdout).expect("text");
    let seen = text.lines().map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let (number, captured, original) = (next().parse(), next().parse(), next().parse());
        let time_ns = next().replacen('.', "", 1).parse().ok();
        (number.expect("number"), captured.expect("length"), original.expect("length"), time_ns)
    });
    Some(seen.collect())
}

fn seen_by_us(file: &[u8]) -> Vec<Seen> {
    let packets = Capture::new(file).filter_map(Result::ok);
    packets.map(|p| (p.number, p.captured.len(), p.original_len, p.timestamp_ns)).collect()
}

#[test]
fn captures_of_both_formats_and_byte_orders_read_as_wireshark_reads_them() {
    let frames: Vec<_> = (1..9u8).map(|i| ethernet(0x9999, &vec![i; 50 * usize::from(i)])).collect();
    for (big_endian, name) in [(false, "le"), (true, "be")] {
        let writer = Writer { big_endian };
        let mut ng = [
            writer.section(),
            writer.interface(LinkType::ETHERNET, 64, &[(9, &[9])]),
            writer.interface(LinkType::RAW, 0, &[(9, &[0x80 | 20])]),
            writer.obsolete(0, 1_700_000_000_000_000_001, &frames[1]),
            writer.enhanced(1, (1_700_000_000 << 20) | (1 << 19), &frames[0]),
        ]
        .concat();
        ng.extend(Writer { big_endian: !big_endian }.pcapng(&[(LinkType::ETHERNET, frames[2].clone())]));
        let files = [
            ("us.pcap", writer.pcap(false, LinkType::ETHERNET, &frames)),
            ("ns.pcap", writer.pcap(true, LinkType::ETHERNET, &frames)),
            ("sections.pcapng", ng),
        ];
        for (kind, file) in files {
            // The whole file, and files cut in the middle of a record.
            for len in [file.len(), file.len() - 1, file.len() / 2] {
                let path = write(&format!("{name}-{len}-{kind}"), &file[..len]);
                let Some(peer) = seen_by_peer(&path) else { return };
                assert_eq!(seen_by_us(&file[..len]), peer, "{}", path.display());
                assert!(len < file.len() || peer.len() >= 3);
            }
        }
    }
}

#[test]
fn other_peoples_captures_have_as_many_packets_and_no_message() {
    let Some(directory) = testdata("inventory/ndpi") else { return };
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .expect("readable")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "pcap" || e == "pcapng"))
        .collect();
    paths.sort();
    assert!(paths.len() > 50, "{} captures", paths.len());
    let Some(counted) = counted_by_peer(&paths) else { return };
    assert_eq!(counted.len(), paths.len());
    for (path, theirs) in paths.iter().zip(&counted) {
        let file = std::fs::read(path).expect("readable");
        let mut ours = 0;
        for packet in Capture::new(&file) {
            let packet = packet.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(messages(&packet), [], "{} frame {}", path.display(), packet.number);
            ours = packet.number;
        }
        assert_eq!(ours, *theirs, "{}", path.display());
    }
    eprintln!("{} captures, {} packets, no message", paths.len(), counted.iter().sum::<u64>());
}

/// `capinfos` counts packets without dissecting them: one line for each file.
fn counted_by_peer(paths: &[PathBuf]) -> Option<Vec<u64>> {
    let Ok(output) = Command::new("capinfos").args(["-M", "-T", "-r", "-c"]).args(paths).output() else {
        eprintln!("skipped: capinfos does not run");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let count = |line: &str| line.rsplit('\t').next()?.parse().ok();
    text.lines().map(count).collect()
}
