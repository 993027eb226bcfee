//! Binary logs of the field: every recorded message is among the candidates.

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use frames::candidate_offsets;
use support::*;

#[test]
fn every_recorded_message_is_a_candidate() {
    let Some(spdus) = field_spdus() else { return };
    let mut missing: Vec<_> = spdus.into_iter().map(|(_, spdu)| spdu).collect();
    let expected = missing.len();
    let (mut candidates, mut bytes) = (0, 0);
    for name in ["bsmTx_commsignia.gz", "rxMsg_commsignia_map.gz"] {
        let Some(path) = testdata(&format!("v2x/us-field/{name}")) else { return };
        let Ok(output) = Command::new("gzip").arg("-dc").arg(path).output() else {
            eprintln!("skipped: gzip does not run");
            return;
        };
        let log = output.stdout;
        let offsets: BTreeSet<_> = candidate_offsets(&log).collect();
        missing.retain(|spdu| !offsets.iter().any(|&at| log[at..].starts_with(spdu)));
        candidates += offsets.len();
        bytes += log.len();
    }
    assert_eq!(missing.len(), 0, "of {expected} messages");
    // Each signed message holds a second candidate: the unsecured data it signs.
    eprintln!("{expected} messages among {candidates} candidates in {bytes} bytes");
    assert!(candidates < 3 * expected, "{candidates} candidates for {expected} messages");
}

#[test]
fn candidates_are_ascending_and_stand_at_the_begin() {
    let mut data = vec![3; 10];
    data.extend(sample_spdu());
    data.extend([0x03, 0x81]); // too short to tell
    let found: Vec<_> = candidate_offsets(&data).collect();
    assert_eq!(found, [10, 14], "the signed message and the data inside it");
    assert_eq!(candidate_offsets(&[]).count(), 0);
}
