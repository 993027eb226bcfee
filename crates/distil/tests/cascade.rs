//! Two ends that differ end up with the same bits, and the responder has counted what it said.

use distil::{Corrector, Plan, Responder, Variant};

/// A small generator for tests: SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn chance(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn pair(bits: usize, error_rate: f64, random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let mut alice = vec![0u8; bits.div_ceil(8)];
    (0..bits).for_each(|bit| alice[bit / 8] |= ((random.next() & 1) as u8) << (bit % 8));
    let mut bob = alice.clone();
    for bit in (0..bits).filter(|_| error_rate > 0.0) {
        if random.chance() < error_rate {
            bob[bit / 8] ^= 1 << (bit % 8);
        }
    }
    (alice, bob)
}

fn reconcile(alice: &[u8], bob: &[u8], plan: &Plan) -> (Vec<u8>, u64, usize) {
    let mut responder = Responder::new(alice, plan).expect("a plan");
    let mut corrector = Corrector::new(bob, plan).expect("a plan");
    let mut message = corrector.start();
    let mut messages = 0;
    loop {
        let answer = responder.answer(&message).expect("an honest question");
        messages += 1;
        if corrector.is_done() {
            break;
        }
        message = corrector.receive(&answer).expect("an honest answer");
    }
    assert!(responder.is_done());
    assert_eq!(corrector.asked(), responder.revealed());
    (corrector.corrected(), responder.revealed(), messages)
}

fn entropy(p: f64) -> f64 {
    -p * p.log2() - (1.0 - p) * (1.0 - p).log2()
}

#[test]
fn both_ends_agree_at_every_error_rate_and_length() {
    let mut random = Random(1);
    for variant in Variant::ALL {
        for bits in [1, 63, 64, 65, 1_000, 10_000, 70_001] {
            for error_rate in [0.0, 0.001, 0.01, 0.03, 0.08] {
                let (alice, bob) = pair(bits, error_rate, &mut random);
                let plan = Plan {
                    bits,
                    variant,
                    error_rate: f64::max(error_rate, 0.002),
                    seed: 9,
                    frame_bits: 16_384,
                };
                let (corrected, revealed, _) = reconcile(&alice, &bob, &plan);
                let wrong: u32 = alice.iter().zip(&corrected).map(|(a, b)| (a ^ b).count_ones()).sum();
                // Cascade leaves an even number of errors now and then: verification is there for that.
                assert!(wrong <= 8 && wrong.is_multiple_of(2), "{variant:?} {bits} {error_rate}: {wrong}");
                assert!(revealed > 0);
            }
        }
    }
}

/// Efficiencies of the reference implementation (cascade-cpp, 10,000 runs of 10⁴ bits).
#[test]
fn as_efficient_as_the_reference() {
    let reference = [
        (Variant::Original, [1.143, 1.159, 1.174, 1.185, 1.217]),
        (Variant::YanEtAl, [1.095, 1.084, 1.078, 1.077, 1.097]),
        (Variant::Option3, [1.111, 1.100, 1.091, 1.106, 1.114]),
    ];
    let rates = [0.01, 0.02, 0.03, 0.05, 0.08];
    let (bits, runs) = (10_000, 200);
    let mut random = Random(2);
    for (variant, expected) in reference {
        for (error_rate, expected) in rates.into_iter().zip(expected) {
            let mut sum = 0.0;
            for seed in 0..runs {
                let (alice, bob) = pair(bits, error_rate, &mut random);
                let wrong: u32 = alice.iter().zip(&bob).map(|(a, b)| (a ^ b).count_ones()).sum();
                let real = f64::from(wrong) / bits as f64;
                let plan = Plan { bits, variant, error_rate, seed, frame_bits: bits };
                let (_, revealed, _) = reconcile(&alice, &bob, &plan);
                sum += revealed as f64 / (bits as f64 * entropy(real));
            }
            let efficiency = sum / f64::from(runs as u32);
            assert!(
                (efficiency - expected).abs() < 0.02,
                "{variant:?} {error_rate}: {efficiency:.3} {expected}"
            );
        }
    }
}

#[test]
fn further_passes_find_what_was_left() {
    let mut random = Random(4);
    let bits = 20_000;
    let mut left = 0;
    for seed in 0..60 {
        // Blocks made for one error in a thousand leave some of one in twenty.
        let (alice, bob) = pair(bits, 0.05, &mut random);
        let plan = Plan { bits, variant: Variant::Original, error_rate: 0.001, seed, frame_bits: 4_096 };
        let mut responder = Responder::new(&alice, &plan).expect("a plan");
        let mut corrector = Corrector::new(&bob, &plan).expect("a plan");
        let mut message = corrector.start();
        for round in 0.. {
            while !corrector.is_done() {
                message = corrector.receive(&responder.answer(&message).expect("honest")).expect("honest");
            }
            responder.answer(&message).expect("honest");
            if corrector.corrected() == alice {
                break;
            }
            left += 1;
            assert!(round < 10);
            responder.extend(8);
            message = corrector.extend(8);
        }
        assert_eq!(corrector.asked(), responder.revealed());
    }
    assert!(left > 0, "nothing was ever left: the test shows nothing");
}

#[test]
fn a_dishonest_end_gets_an_error_and_never_a_panic() {
    let mut random = Random(3);
    let (alice, bob) = pair(3_000, 0.03, &mut random);
    let plan = Plan { bits: 3_000, variant: Variant::Original, error_rate: 0.03, seed: 5, frame_bits: 1_024 };
    for _ in 0..3_000 {
        let mut responder = Responder::new(&alice, &plan).expect("a plan");
        let mut corrector = Corrector::new(&bob, &plan).expect("a plan");
        let mut message = corrector.start();
        for _ in 0..12 {
            if random.next().is_multiple_of(3) && !message.is_empty() {
                let at = random.next() as usize % message.len();
                message[at] = random.next() as u8;
                message.truncate(message.len() - random.next() as usize % 2);
            }
            let Ok(mut answer) = responder.answer(&message) else { break };
            if random.next().is_multiple_of(4) && !answer.is_empty() {
                let at = random.next() as usize % answer.len();
                answer[at] = random.next() as u8;
            }
            match corrector.receive(&answer) {
                Ok(next) => message = next,
                Err(_) => break,
            }
        }
    }
}

#[test]
fn a_plan_that_does_not_fit_is_refused() {
    let plan = Plan { bits: 100, variant: Variant::Original, error_rate: 0.02, seed: 1, frame_bits: 64 };
    assert!(Responder::new(&[0; 12], &plan).is_err());
    assert!(Responder::new(&[0; 13], &Plan { error_rate: f64::NAN, ..plan.clone() }).is_err());
    assert!(Corrector::new(&[], &Plan { bits: 0, ..plan.clone() }).is_err());
    assert!(Corrector::new(&[0; 13], &plan).is_ok());
}
