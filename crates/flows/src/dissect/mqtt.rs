//! MQTT (OASIS 3.1.1 and 5.0, and 3.1) without TLS: its CONNECT packet.

use serde::Serialize;

use crate::cursor::Cursor;

/// An MQTT connection in clear.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mqtt {
    /// Protocol level: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0.
    pub level: u8,
    /// Whether a user name was sent.
    pub user_name: bool,
    /// Whether a password was sent, in clear.
    pub password: bool,
}

/// Reads a CONNECT packet; `None` where it is something else or cut before its flags.
pub(crate) fn read(bytes: &[u8]) -> Option<Mqtt> {
    const CONNECT: u8 = 0x10;
    let mut rest = Cursor(bytes);
    (rest.u8()? == CONNECT).then_some(())?;
    let mut stated = 0usize;
    for shift in [0, 7, 14, 21] {
        let octet = rest.u8()?;
        stated |= usize::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            break;
        }
    }
    (stated >= 10).then_some(())?;
    let name = rest.vector_16()?;
    matches!(name.0, b"MQTT" | b"MQIsdp").then_some(())?;
    let [level, flags] = rest.take()?;
    // The top bit marks a bridge (mosquitto); the lowest flag is reserved.
    let level = level & 0x7f;
    ((3..=5).contains(&level) && flags & 1 == 0).then_some(())?;
    Some(Mqtt { level, user_name: flags & 0x80 != 0, password: flags & 0x40 != 0 })
}
