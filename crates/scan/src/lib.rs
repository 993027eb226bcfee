//! Finds many signatures in files and images in one pass.
//!
//! What a signature means is for the caller to know; this crate says where each of them stands. It
//! reads regular files only, follows no link, and holds at most [`CHUNK_BYTES`] of a file at a time.

mod file;
mod matcher;

pub use file::{CHUNK_BYTES, Scanned, scan_file};
pub use matcher::{Hit, Matcher, Signature};
