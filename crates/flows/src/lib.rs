//! What cryptography is spoken in the flows of a capture.
//!
//! Packets of [`frames`] go in; what comes out is, for each flow, the protocol and what its handshake
//! says in clear: versions, suites, groups, signature schemes, certificates, as the numbers and names of
//! the wire. What they are worth is the caller's question; this crate keeps no registry.
//!
//! ```
//! # let file: &[u8] = &[];
//! let mut flows = flows::Flows::default();
//! for packet in frames::Capture::new(file) {
//!     let Ok(packet) = packet else { break };
//!     flows.packet(&packet);
//!     for flow in flows.evicted() { println!("{flow:?}"); }
//! }
//! let (rest, summary) = flows.finish();
//! ```
//!
//! Protocols are recognised by their bytes on any port. Hostile input never panics; memory is bounded
//! by [`Limits`]; what could not be seen of a flow stands in its [`Gap`](session::Gap)s.

#![forbid(unsafe_code)]

pub mod answer;
mod cursor;
mod dissect;
mod extensions;
mod network;
mod sctp;
pub mod session;
mod side;
mod stations;
mod stream;
mod table;

pub use session::{Flow, Session};
pub use table::{Flows, Limits, Summary};
