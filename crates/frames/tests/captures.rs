//! Capture files: both formats, both byte orders, and what damage does.

mod support;

use frames::{Capture, CaptureError, CaptureReader, Damage, Fault, Limits, LinkType, Packet};
use support::*;

const BOTH: [Writer; 2] = [Writer { big_endian: false }, Writer { big_endian: true }];

fn all(file: &[u8]) -> (Vec<Packet<'_>>, Option<CaptureError>) {
    let mut packets = Vec::new();
    let mut capture = Capture::new(file);
    for packet in &mut capture {
        match packet {
            Ok(packet) => packets.push(packet),
            Err(error) => {
                assert!(capture.next().is_none(), "an error is the last item");
                return (packets, Some(error));
            }
        }
    }
    (packets, None)
}

#[test]
fn pcap_in_both_byte_orders_and_resolutions() {
    let frames = [vec![1, 2, 3], vec![], vec![4; 70]];
    for writer in BOTH {
        for (nanoseconds, unit) in [(false, 1_000), (true, 1)] {
            let file = writer.pcap(nanoseconds, LinkType::IEEE802_11, &frames);
            let (packets, error) = all(&file);
            assert_eq!(error, None);
            assert_eq!(packets.len(), 3);
            for (i, (packet, frame)) in packets.iter().zip(&frames).enumerate() {
                assert_eq!(packet.number, i as u64 + 1);
                assert_eq!(packet.captured, frame);
                let begin = packet.offset_in_file as usize;
                assert_eq!(&file[begin..begin + frame.len()], frame);
                let time = 1_700_000_000_000_000_000 + (i as u64 + 1) * unit;
                assert_eq!(packet.timestamp_ns, Some(time));
                assert_eq!(packet.link_type, LinkType::IEEE802_11);
                assert!(packet.is_whole());
            }
        }
    }
}

#[test]
fn the_upper_half_of_the_link_type_field_is_not_the_link_type() {
    let writer = BOTH[0];
    let mut file = writer.pcap(false, LinkType::ETHERNET, &[vec![9]]);
    file[20..24].copy_from_slice(&writer.u32(0x2400_0001)); // FCS of four bytes, stated
    assert_eq!(all(&file).0[0].link_type, LinkType::ETHERNET);
}

#[test]
fn pcap_of_old_linux_kernels() {
    let mut file = BOTH[0].pcap(false, LinkType::ETHERNET, &[]);
    file[..4].copy_from_slice(&0xa1b2_cd34u32.to_le_bytes());
    for field in [7u32, 8, 3, 3, 0, 0] {
        file.extend(field.to_le_bytes());
    }
    file.extend([5, 6, 7]);
    let (packets, error) = all(&file);
    assert_eq!((packets[0].captured, error), (&[5, 6, 7][..], None));
}

#[test]
fn pcapng_with_sections_interfaces_and_all_packet_blocks() {
    for writer in BOTH {
        let other = Writer { big_endian: !writer.big_endian };
        let offset = if writer.big_endian { 100i64.to_be_bytes() } else { 100i64.to_le_bytes() };
        let mut file = writer.section();
        file.extend(writer.interface(LinkType::ETHERNET, 4, &[(2, b"eth0")]));
        file.extend(writer.interface(LinkType::RAW, 0, &[(9, &[9]), (14, &offset)]));
        file.extend(writer.interface(LinkType::USER0, 0, &[(9, &[0x80 | 20])]));
        file.extend(writer.block(0x0000_0bad, &[1, 2, 3, 4, 5])); // a custom block
        file.extend(writer.enhanced(0, 2_000_001, &[1, 2, 3]));
        file.extend(writer.enhanced(1, 5_000_000_007, &[4; 64]));
        file.extend(writer.enhanced(2, 3 << 19, &[5; 5]));
        file.extend(writer.simple(9, &[6; 4]));
        file.extend(writer.obsolete(1, 1, &[7; 6]));
        file.extend(other.section());
        file.extend(other.interface(LinkType::IEEE802_11, 0, &[]));
        file.extend(other.enhanced(0, 1, &[8; 8]));

        let (packets, error) = all(&file);
        assert_eq!(error, None);
        let seen: Vec<_> = packets
            .iter()
            .map(|p| (p.number, p.link_type, p.timestamp_ns, p.captured.len(), p.original_len))
            .collect();
        assert_eq!(
            seen,
            [
                (1, LinkType::ETHERNET, Some(2_000_001_000), 3, 3),
                (2, LinkType::RAW, Some(105_000_000_007), 64, 64),
                (3, LinkType::USER0, Some(1_500_000_000), 5, 5),
                (4, LinkType::ETHERNET, None, 4, 9),
                (5, LinkType::RAW, Some(100_000_000_001), 6, 6),
                (6, LinkType::IEEE802_11, Some(1_000), 8, 8),
            ]
        );
        for packet in &packets {
            let begin = packet.offset_in_file as usize;
            assert_eq!(&file[begin..begin + packet.captured.len()], packet.captured);
        }
        assert!(!packets[3].is_whole());
    }
}

#[test]
fn a_cut_tail_yields_what_is_whole_and_then_says_so() {
    let frames: Vec<_> = (1..=3u8).map(|i| vec![i; 20 * usize::from(i)]).collect();
    let typed: Vec<_> = frames.iter().map(|frame| (LinkType::ETHERNET, frame.clone())).collect();
    for writer in BOTH {
        for file in [writer.pcap(false, LinkType::ETHERNET, &frames), writer.pcapng(&typed)] {
            let (whole, _) = all(&file);
            let ends: Vec<_> = whole.iter().map(|p| p.offset_in_file as usize + p.captured.len()).collect();
            for cut in 0..file.len() {
                let (packets, error) = all(&file[..cut]);
                assert_eq!(packets, whole[..packets.len()]);
                assert!(packets.len() <= ends.iter().filter(|end| **end <= cut).count());
                match error {
                    None => {}
                    Some(CaptureError::NotACapture) => assert!(cut < 4),
                    Some(CaptureError::Truncated { offset, missing }) => {
                        assert!((offset as usize) < cut.max(1) && missing > 0);
                    }
                    other => panic!("{other:?} at {cut}"),
                }
            }
        }
    }
}

/// What is done to a good block.
type Change<'a> = &'a dyn Fn(&mut Vec<u8>);

#[test]
fn damage_is_named_with_its_place_and_its_owner() {
    for writer in BOTH {
        let section = writer.section();
        let interface = writer.interface(LinkType::ETHERNET, 0, &[]);
        let good = writer.enhanced(0, 1, &[1; 8]);
        let damaged = |change: Change<'_>| {
            let mut block = writer.enhanced(0, 2, &[2; 8]);
            change(&mut block);
            let file = [&section[..], &interface, &good, &block].concat();
            let (packets, error) = all(&file);
            assert_eq!(packets.len(), 1, "the good packet stands");
            (error.expect("damage"), (file.len() - block.len()) as u64)
        };
        let cases: [(Change<'_>, Damage); 5] = [
            (&|b| b[4..8].copy_from_slice(&writer.u32(11)), Damage::BlockLength),
            (&|b| b[4..8].copy_from_slice(&writer.u32(33)), Damage::BlockLength),
            (&|b| *b.last_mut().expect("bytes") ^= 1, Damage::TrailingLength),
            (&|b| b[8..12].copy_from_slice(&writer.u32(7)), Damage::UnknownInterface),
            (&|b| b[20..24].copy_from_slice(&writer.u32(200)), Damage::BlockContent),
        ];
        for (change, damage) in cases {
            let (error, offset) = damaged(change);
            assert_eq!(error, CaptureError::Damaged { offset, damage });
            assert_eq!(error.fault(), Fault::Capture);
        }
        let (error, offset) = damaged(&|b| b[4..8].copy_from_slice(&writer.u32(0x7fff_fffc)));
        assert_eq!(error, CaptureError::TooLarge { offset, stated: 0x7fff_fffc, limit: 16 << 20 });
        assert_eq!(error.fault(), Fault::Limits);
    }
    let simple = BOTH[0];
    let file = [simple.section(), simple.interface(LinkType::RAW, 0, &[]), simple.simple(90, &[1; 8])];
    let error = all(&file.concat()).1.expect("damage");
    assert!(matches!(error, CaptureError::Damaged { damage: Damage::PacketLength, .. }));
}

fn last_item(file: &[u8], limits: Limits) -> Result<Packet<'_>, CaptureError> {
    Capture::with_limits(file, limits).last().expect("an item")
}

#[test]
fn limits_hold() {
    let writer = BOTH[0];
    let limits = Limits { max_packet_len: 10, max_block_len: 60, max_interfaces: 2 };
    let pcap = writer.pcap(false, LinkType::RAW, &[vec![0; 11]]);
    assert_eq!(last_item(&pcap, limits), Err(CaptureError::TooLarge { offset: 24, stated: 11, limit: 10 }));
    let interfaces = [writer.section(), writer.interface(LinkType::RAW, 0, &[]).repeat(3)].concat();
    assert!(matches!(
        last_item(&interfaces, limits),
        Err(CaptureError::TooLarge { stated: 3, limit: 2, .. })
    ));
    let packet = [writer.section(), writer.interface(LinkType::RAW, 0, &[]), writer.simple(11, &[0; 12])];
    assert!(matches!(
        last_item(&packet.concat(), limits),
        Err(CaptureError::TooLarge { stated: 11, limit: 10, .. })
    ));
}

#[test]
fn what_is_no_capture_says_so() {
    for file in [&b""[..], b"\n", b"PK\x03\x04 a zip file", &[0; 100]] {
        assert_eq!(all(file).1, Some(CaptureError::NotACapture));
        assert!(!Capture::recognises(file));
    }
    assert!(Capture::recognises(&BOTH[1].pcap(true, LinkType::RAW, &[])));
    assert!(Capture::recognises(&BOTH[1].section()));
}

/// Gives one byte at a time and fails at the end, as a broken disk would.
struct Trickle<'a>(&'a [u8]);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let (&first, rest) = self.0.split_first().ok_or(std::io::ErrorKind::TimedOut)?;
        self.0 = rest;
        buffer[0] = first;
        Ok(1)
    }
}

#[test]
fn a_stream_gives_the_same_packets_as_memory() {
    for writer in BOTH {
        let typed: Vec<_> = (0..40u8).map(|i| (LinkType::USER0, vec![i; 9_000])).collect();
        let file = writer.pcapng(&typed);
        let mut reader = CaptureReader::new(&file[..]);
        for packet in Capture::new(&file) {
            assert_eq!(reader.next_packet(), packet.map(Some));
        }
        assert_eq!(reader.next_packet(), Ok(None));

        let file = writer.pcap(false, LinkType::RAW, &[vec![7; 30]]);
        let mut reader = CaptureReader::new(Trickle(&file));
        assert_eq!(reader.next_packet().expect("packet").expect("packet").captured, [7; 30]);
        let error = reader.next_packet().expect_err("the source fails");
        assert_eq!(error.fault(), Fault::Source);
        assert_eq!(reader.next_packet(), Ok(None));
    }
}
