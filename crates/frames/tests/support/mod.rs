//! Builds frames and captures byte by byte, apart from the code under test.
#![allow(dead_code, unused_imports, reason = "every test file uses its own part")]

use std::path::PathBuf;

mod links;
mod network;
mod random;
mod writer;

pub use links::*;
pub use network::*;
pub use random::Random;
pub use writer::Writer;

pub const WSMP: u16 = 0x88dc;
pub const GEONETWORKING: u16 = 0x8947;
pub const BSM_PSID: u32 = 0x20;
pub const FRAME_CHECK: [u8; 4] = [0xf0, 0xf1, 0xf2, 0xf3];

/// The material of the field, or `None` with a message where it is not at hand.
pub fn testdata(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ROADSEAL_TESTDATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("skipped: {} is absent (set ROADSEAL_TESTDATA)", found.display());
    None
}

/// SPDUs of the US pilot with their PSIDs.
pub fn field_spdus() -> Option<Vec<(u32, Vec<u8>)>> {
    let lines = std::fs::read_to_string(testdata("v2x/us-field/spdus.jsonl")?).expect("readable");
    let spdus = lines.lines().map(|line| {
        let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let psid = object["psid"].as_u64().expect("psid") as u32;
        (psid, hex(object["spdu"].as_str().expect("spdu")))
    });
    Some(spdus.collect())
}

pub fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).expect("hex digit") as u8;
    text.as_bytes().chunks(2).map(|pair| (digit(pair[0]) << 4) | digit(pair[1])).collect()
}

/// Begins as signed data does; the rest is filler.
pub fn sample_spdu() -> Vec<u8> {
    let mut spdu = vec![0x03, 0x81, 0x00, 0x40, 0x03, 0x80, 20];
    spdu.extend(1..=90u8);
    spdu
}
