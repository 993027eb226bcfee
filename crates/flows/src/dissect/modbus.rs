//! Modbus over TCP (Modbus Messaging on TCP/IP, clause 3.1.3). It protects nothing.

use serde::Serialize;

use crate::cursor::Cursor;

/// The registered port; elsewhere its header alone is too weak a sign.
pub(crate) const PORT: u16 = 502;

/// A Modbus connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Modbus {
    /// Function codes seen, ascending.
    pub functions: Vec<u8>,
}

/// Whether bytes begin with a header of the protocol: identifier, zero, length, unit, function.
pub(crate) fn starts(bytes: &[u8]) -> bool {
    let mut rest = Cursor(bytes);
    let read = (|| {
        rest.skip(2)?;
        let (protocol, len) = (rest.u16()?, rest.u16()?);
        let [_unit, function] = rest.take()?;
        let known = matches!(function & 0x7f, 1..=8 | 11 | 12 | 15..=17 | 20..=24 | 43 | 65..=110);
        Some(protocol == 0 && (2..=254).contains(&len) && known)
    })();
    read.unwrap_or(false)
}

impl Modbus {
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        if starts(bytes)
            && let Err(at) = self.functions.binary_search(&bytes[7])
        {
            self.functions.insert(at, bytes[7]);
        }
    }
}
