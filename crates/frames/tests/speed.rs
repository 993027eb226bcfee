//! How fast captures and logs are read. `cargo test --release --test speed -- --ignored --nocapture`

mod support;

use std::time::Instant;

use frames::{Capture, LinkType, candidate_offsets, messages};
use support::*;

/// A floor far below what an idle core does, so that a shared machine does not fail it.
const FLOOR_MB_PER_S: f64 = 100.0;

fn measure(name: &str, bytes: usize, mut work: impl FnMut() -> usize) {
    let best = (0..5)
        .map(|_| {
            let begin = Instant::now();
            let found = std::hint::black_box(work());
            (begin.elapsed().as_secs_f64(), found)
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .expect("runs");
    let rate = bytes as f64 / best.0 / 1e6;
    eprintln!("{name}: {rate:.0} MB/s ({} found in {bytes} bytes)", best.1);
    assert!(rate > FLOOR_MB_PER_S, "{name}: {rate:.0} MB/s");
}

#[test]
#[ignore = "a measurement: run it in release mode"]
fn throughput() {
    let writer = Writer { big_endian: false };
    let wave = ocb(WSMP, &wsmp(0x20, &sample_spdu()));
    let many = vec![radiotap(&wave, true); 200_000];
    let radio = writer.pcap(false, LinkType::IEEE802_11_RADIOTAP, &many);
    let count = |file: &[u8]| {
        let packets = Capture::new(file).map(|packet| messages(&packet.expect("whole")).len());
        packets.sum::<usize>()
    };
    measure("pcap, short WSMs over radiotap", radio.len(), || count(&radio));

    let typed = vec![(LinkType::ETHERNET, ethernet(0x0800, &ipv4_udp(&[7; 1400]))); 2_000];
    let other = writer.pcapng(&typed).repeat(20);
    measure("pcapng, long UDP of other kinds", other.len(), || count(&other));

    let mut random = Random(1);
    let noise: Vec<u8> = (0..64 << 20).map(|_| random.next() as u8).collect();
    measure("scan of noise", noise.len(), || candidate_offsets(&noise).count());
    let text = b"2026-11-23 05:29:05 INFO station 17 heard 42 neighbours\n".repeat(1 << 20);
    measure("scan of text", text.len(), || candidate_offsets(&text).count());
    measure("scan of a capture", radio.len(), || candidate_offsets(&radio).count());
}
