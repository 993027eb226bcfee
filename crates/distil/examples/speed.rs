//! How fast the kernels are on this machine: `cargo run --release -p distil --example speed`.

use std::time::Instant;

use distil::{Corrector, Kernel, Plan, Responder, Variant, toeplitz_with};

fn main() {
    let bits = 1_000_000;
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let alice: Vec<u8> = (0..bits / 8).map(|_| next() as u8).collect();
    let mut bob = alice.clone();
    (0..bits)
        .filter(|_| next() % 1000 < 20)
        .collect::<Vec<_>>()
        .into_iter()
        .for_each(|b| bob[b / 8] ^= 1 << (b % 8));
    let wrong: u32 = alice.iter().zip(&bob).map(|(a, b)| (a ^ b).count_ones()).sum();
    let rate = f64::from(wrong) / bits as f64;
    let entropy = -rate * rate.log2() - (1.0 - rate) * (1.0 - rate).log2();
    for variant in Variant::ALL {
        for frame_bits in [16_384, 65_536, 131_072, 1_000_000] {
            let plan = Plan { bits, variant, error_rate: rate, seed: 3, frame_bits };
            let start = Instant::now();
            let mut responder = Responder::new(&alice, &plan).expect("a plan");
            let mut corrector = Corrector::new(&bob, &plan).expect("a plan");
            let (mut message, mut messages) = (corrector.start(), 0);
            loop {
                let answer = responder.answer(&message).expect("honest");
                messages += 1;
                if corrector.is_done() {
                    break;
                }
                message = corrector.receive(&answer).expect("honest");
            }
            let took = start.elapsed().as_secs_f64();
            let f = responder.revealed() as f64 / (bits as f64 * entropy);
            let same = corrector.corrected() == alice;
            eprintln!(
                "{:9} frame {frame_bits:7}: {:6.1} Mbit/s f {f:.4} messages {messages} {same}",
                variant.name(),
                bits as f64 / took / 1e6
            );
        }
    }
    for n in [1_000_000usize, 10_000_000] {
        let m = n / 2;
        let seed: Vec<u8> = (0..(n + m - 1).div_ceil(8)).map(|_| next() as u8).collect();
        let input: Vec<u8> = (0..n / 8).map(|_| next() as u8).collect();
        for kernel in [Kernel::Portable, Kernel::Clmul, Kernel::Wide] {
            let start = Instant::now();
            if toeplitz_with(kernel, &seed, &input, n, m).is_some() {
                eprintln!(
                    "toeplitz {n} {kernel:?}: {:.1} Mbit/s",
                    n as f64 / start.elapsed().as_secs_f64() / 1e6
                );
            }
        }
    }
}
