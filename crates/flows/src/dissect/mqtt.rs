//! MQTT (OASIS 3.1.1 and 5.0, and 3.1) without TLS: its CONNECT packet and the answer to it.

use serde::Serialize;

use crate::cursor::Cursor;
use crate::side::Side;

/// The registered port; a connection caught in its middle is recognised there only.
pub(crate) const PORT: u16 = 1883;

/// An MQTT connection in clear.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mqtt {
    /// Protocol level: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0; 0 where its CONNECT was not captured.
    pub level: u8,
    /// Whether a user name was sent.
    pub user_name: bool,
    /// Whether a password was sent, in clear.
    pub password: bool,
    /// What the broker answered.
    pub acknowledgement: Option<Acknowledgement>,
}

/// CONNACK (MQTT 3.1.1 clause 3.2, 5.0 clause 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Acknowledgement {
    /// 0 is success; anything else refuses the connection.
    pub code: u8,
}

impl Mqtt {
    /// Reads what a side sends after the CONNECT was recognised; whether there is nothing more to learn.
    pub(crate) fn read(&mut self, from: Side, bytes: &[u8]) -> Step {
        const CONNACK: u8 = 0x20;
        if from == Side::Client {
            return Step::Done;
        }
        let mut rest = Cursor(bytes);
        let (Some(kind), Some(len)) = (rest.u8(), remaining_length(&mut rest)) else {
            return if bytes.len() < 5 { Step::Wait } else { Step::Done };
        };
        let Some([_session, code]) = rest.take() else {
            return Step::Wait;
        };
        if kind == CONNACK && len >= 2 {
            self.acknowledgement = Some(Acknowledgement { code });
        }
        Step::Done
    }
}

/// Whether more bytes of a side are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Wait,
    Done,
}

/// Reads a CONNECT packet; `None` where it is something else or cut before its flags.
pub(crate) fn read(bytes: &[u8]) -> Option<Mqtt> {
    const CONNECT: u8 = 0x10;
    let mut rest = Cursor(bytes);
    (rest.u8()? == CONNECT).then_some(())?;
    (remaining_length(&mut rest)? >= 10).then_some(())?;
    let name = rest.vector_16()?;
    matches!(name.0, b"MQTT" | b"MQIsdp").then_some(())?;
    let [level, flags] = rest.take()?;
    // The top bit marks a bridge (mosquitto); the lowest flag is reserved.
    let level = level & 0x7f;
    ((3..=5).contains(&level) && flags & 1 == 0).then_some(())?;
    Some(Mqtt { level, user_name: flags & 0x80 != 0, password: flags & 0x40 != 0, acknowledgement: None })
}

/// Whether bytes are whole packets of a connection that was caught in its middle: known types with the
/// flags that they must have, each ending where the next begins (MQTT 3.1.1 clause 2.2).
pub(crate) fn continues(bytes: &[u8]) -> bool {
    let mut rest = Cursor(bytes);
    while !rest.is_empty() {
        let read = (|| {
            let first = rest.u8()?;
            let flags_fit = match first >> 4 {
                3 => true,
                6 | 8 | 10 => first & 0x0f == 2,
                2 | 4 | 5 | 7 | 9 | 11..=15 => first & 0x0f == 0,
                _ => false,
            };
            let len = remaining_length(&mut rest)?;
            flags_fit.then_some(())?;
            rest.skip(len)
        })();
        if read.is_none() {
            return false;
        }
    }
    bytes.len() >= 2
}

fn remaining_length(rest: &mut Cursor<'_>) -> Option<usize> {
    let mut stated = 0usize;
    for shift in [0, 7, 14, 21] {
        let octet = rest.u8()?;
        stated |= usize::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(stated);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_says_its_level_and_whether_there_is_a_password() {
        let connect = [0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 0xc2, 0, 60, 0, 0];
        let said = Mqtt { level: 4, user_name: true, password: true, acknowledgement: None };
        assert_eq!(read(&connect), Some(said));
        assert_eq!(read(&connect[..8]), None, "cut before its flags");
    }

    #[test]
    fn packets_of_the_middle_must_end_where_the_next_begins() {
        assert!(continues(&[0xc0, 0, 0xd0, 0]), "ping and its answer");
        assert!(continues(&[0x30, 4, 0, 1, b'a', b'b']), "a publication");
        assert!(!continues(&[0xc0, 1]), "cut");
        assert!(!continues(&[0x81, 0]), "flags of a subscription");
        assert!(!continues(&[]));
    }
}
