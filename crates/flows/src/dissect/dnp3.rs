//! DNP3 (IEEE 1815): link frames by their checksum, and whether Secure Authentication is used.

use serde::Serialize;

use crate::cursor::Cursor;

/// A DNP3 connection. Without Secure Authentication nothing of it is protected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Dnp3 {
    /// Link frames.
    pub frames: u32,
    /// Whether authentication requests, responses or objects were seen (clause 7: function codes 32, 33
    /// and 131, object group 120).
    pub secure_authentication: bool,
    /// Application function codes seen, ascending.
    pub functions: Vec<u8>,
}

const HEADER: usize = 10;

/// Whether bytes begin with a link header whose checksum holds.
pub(crate) fn starts(bytes: &[u8]) -> bool {
    bytes.first_chunk::<HEADER>().is_some_and(|header| {
        header[..2] == [0x05, 0x64] && header[2] >= 5 && crc(&header[..8]) == [header[8], header[9]]
    })
}

impl Dnp3 {
    /// Reads frames off the front of `bytes`; answers how many bytes are done with, `None` if none begins.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut used = 0;
        while bytes.len() - used >= HEADER {
            let frame = &bytes[used..];
            starts(frame).then_some(())?;
            let user = usize::from(frame[2]) - 5;
            let len = HEADER + user + user.div_ceil(16) * 2;
            let Some(frame) = frame.get(..len) else {
                break;
            };
            self.frames += 1;
            self.application(&frame[HEADER..]);
            used += len;
        }
        Some(used)
    }

    /// The first block holds transport and application header: control, control, function, and in
    /// answers two octets of indications before the first object.
    fn application(&mut self, blocks: &[u8]) {
        const FIRST_SEGMENT: u8 = 0x40;
        const AUTHENTICATION: [u8; 3] = [32, 33, 131];
        const RESPONSES: u8 = 0x80;
        const AUTHENTICATION_GROUP: u8 = 120;
        let mut rest = Cursor(blocks);
        let (Some(transport), Some(_control), Some(function)) = (rest.u8(), rest.u8(), rest.u8()) else {
            return;
        };
        if transport & FIRST_SEGMENT == 0 {
            return;
        }
        if let Err(at) = self.functions.binary_search(&function)
            && self.functions.len() < 64
        {
            self.functions.insert(at, function);
        }
        let group = if function & RESPONSES != 0 { rest.skip(2).and_then(|()| rest.u8()) } else { rest.u8() };
        self.secure_authentication |=
            AUTHENTICATION.contains(&function) || group == Some(AUTHENTICATION_GROUP);
    }
}

/// CRC-16/DNP: polynomial 0x3d65 reflected, complemented, least significant octet first.
fn crc(bytes: &[u8]) -> [u8; 2] {
    let mut crc = 0u16;
    for &byte in bytes {
        crc ^= u16::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xa6bc } else { crc >> 1 };
        }
    }
    (!crc).to_le_bytes()
}

#[cfg(test)]
mod tests {
    /// The check value of the catalogue of CRC algorithms.
    #[test]
    fn the_checksum_is_that_of_the_catalogue() {
        assert_eq!(super::crc(b"123456789"), 0xea82u16.to_le_bytes());
    }
}
