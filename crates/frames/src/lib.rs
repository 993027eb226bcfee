//! Finds secured vehicle-to-road messages inside captures and logs.
//!
//! The way down is always the same: a capture file gives [`Packet`]s, a link layer gives what
//! it carries, a network layer (GeoNetworking, WSMP, UDP) gives the message. What is found is
//! [`Located`] by frame number and by absolute offset in the file, and is a slice of the
//! received bytes: nothing is re-encoded, and nothing copied but IP fragments, which a [`Finder`]
//! puts together. Whether the bytes are a valid signed
//! message is the caller's question; this crate knows no cryptography.
//!
//! ```
//! # let file: &[u8] = &[];
//! for packet in frames::Capture::new(file) {
//!     let packet = match packet {
//!         Ok(packet) => packet,
//!         Err(error) => { eprintln!("{error}"); break }
//!     };
//!     for found in frames::spdus(&packet) {
//!         println!("frame {} offset {}: {} bytes", found.frame, found.offset, found.bytes.len());
//!     }
//! }
//! ```
//!
//! Hostile input never panics: every parser here answers with a value or stops, sizes are
//! bounded by [`Limits`], and nothing recurses on what a frame says.

#![forbid(unsafe_code)]

pub mod capture;
mod error;
mod fragments;
pub mod geonet;
mod identify;
mod link;
mod locate;
mod scan;
mod spdu;
mod take;
pub mod wsmp;

pub use capture::{Capture, CaptureReader, Limits, Packet};
pub use error::{CaptureError, Damage, Fault};
pub use fragments::{Fragment, Fragments, Joined, Piece};
pub use geonet::{GeonetPayload, HeaderType, SourcePosition, geonet_payload};
pub use identify::{Kind, Message, Network, identify, identify_datagram};
pub use link::{
    EAPOL, IPV4, IPV6, LinkType, MACSEC, Upper, descend, descend_ethernet, descend_ppp, stations,
};
pub use locate::{Finder, Found, Located, Octets, messages, spdus};
pub use scan::candidate_offsets;

/// The examples of the documentation, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/captures.md")]
struct Documentation;
