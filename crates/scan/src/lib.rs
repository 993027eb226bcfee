//! Finds many signatures in files and images in one pass.
//!
//! It also decodes PEM and reads the outline of X.509 certificates, of malformed ones as far as they go.
//!
//! What a signature means is for the caller to know; this crate says where each of them stands. It
//! reads regular files only, follows no link, and holds at most [`CHUNK_BYTES`] of a file at a time.

mod base64;
mod der;
mod file;
mod matcher;
mod x509;

pub use base64::base64_lines;
pub use file::{CHUNK_BYTES, Scanned, scan_file};
pub use matcher::{Hit, Matcher, Signature};
pub use x509::{Outline, outline, public_key};
