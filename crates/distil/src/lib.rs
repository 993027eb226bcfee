//! QKD post-processing kernels: what two ends do to their raw bits to get one secret key.
//!
//! - [`Responder`] and [`Corrector`]: Cascade reconciliation as two state machines that exchange messages;
//! - [`toeplitz`]: privacy amplification over GF(2);
//! - [`tag`]: Wegman–Carter authentication.
//!
//! Bits are packed into bytes, the first in the lowest place. Nothing here reads a clock, a socket or a
//! source of randomness, and secrets are erased when they are dropped.

mod bits;
mod clmul;
mod corrector;
mod frame;
mod mac;
mod responder;
mod shuffle;
mod toeplitz;
mod variant;

pub use corrector::Corrector;
pub use frame::{Plan, ProtocolError};
pub use mac::{TAG_BYTES, tag};
pub use responder::Responder;
pub use toeplitz::{Kernel, toeplitz, toeplitz_with};
pub use variant::Variant;
