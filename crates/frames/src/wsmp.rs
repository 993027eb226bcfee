//! WAVE Short Message Protocol: IEEE 1609.3-2016/2020 clause 8.3 (version 3) and IEEE
//! 1609.3-2010 (version 2).

use crate::take;

/// A WAVE short message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wsm<'a> {
    /// WSMP version: 3, or 2 and below for the protocol of 2010.
    pub version: u8,
    /// Whom it is addressed to; `None` where it is addressed by ports.
    pub psid: Option<u32>,
    /// The message, normally an SPDU; shorter than `stated_len` where the frame was cut.
    pub data: &'a [u8],
    /// How long the header says the message is, in bytes.
    pub stated_len: usize,
    /// How many bytes lie behind the message: padding, frame check sequence, or a wrong guess.
    pub trailing_len: usize,
}

/// Reads the headers of a WAVE short message; `None` where they are cut or break the format.
#[must_use]
pub fn wsm(bytes: &[u8]) -> Option<Wsm<'_>> {
    let mut rest = bytes;
    let first = take::u8(&mut rest)?;
    let version = first & 0x07;
    let (psid, stated_len) = match version {
        3 => version_3(first, &mut rest)?,
        _ => version_2(&mut rest)?,
    };
    let (data, trailing) = rest.split_at_checked(stated_len).unwrap_or((rest, &[]));
    Some(Wsm { version, psid, data, stated_len, trailing_len: trailing.len() })
}

/// Reads a p-encoded PSID off the front of `bytes` (IEEE 1609.12 clause 4.1.3).
///
/// The leading one bits of the first octet count the octets that follow; each length goes on
/// counting where the shorter one ends, so that a PSID has one encoding only.
#[must_use]
pub fn read_psid(bytes: &mut &[u8]) -> Option<u32> {
    let first = take::u8(bytes)?;
    match first {
        0x00..=0x7f => Some(u32::from(first)),
        0x80..=0xbf => {
            let [b] = take::take(bytes)?;
            Some(u32::from_be_bytes([0, 0, first & 0x3f, b]) + 0x80)
        }
        0xc0..=0xdf => {
            let [b, c] = take::take(bytes)?;
            Some(u32::from_be_bytes([0, first & 0x1f, b, c]) + 0x4080)
        }
        0xe0..=0xef => {
            let [b, c, d] = take::take(bytes)?;
            Some(u32::from_be_bytes([first & 0x0f, b, c, d]) + 0x20_4080)
        }
        0xf0.. => None,
    }
}

/// N-header (subtype, option indicator, version; elements; TPID) and T-header.
fn version_3(first: u8, rest: &mut &[u8]) -> Option<(Option<u32>, usize)> {
    const N_HEADER_ELEMENTS: u8 = 0x08;
    if first & N_HEADER_ELEMENTS != 0 {
        skip_elements(rest)?;
    }
    let transport = take::u8(rest)?;
    let psid = match transport {
        0 | 1 => Some(read_psid(rest)?),
        2 | 3 => {
            take::skip(rest, 4)?; // source and destination port
            None
        }
        _ => return None, // LPP mode: its address field is not described in this standard
    };
    if transport & 1 == 1 {
        skip_elements(rest)?;
    }
    Some((psid, length(rest)?))
}

/// Version, PSID, elements of one length octet each, then the message's own element.
fn version_2(rest: &mut &[u8]) -> Option<(Option<u32>, usize)> {
    const WSM: u8 = 0x80;
    const WSM_WITH_SUPPLEMENT: u8 = 0x81;
    const WSM_IDENTITY: u8 = 0x82;
    let psid = read_psid(rest)?;
    loop {
        match take::u8(rest)? {
            WSM | WSM_IDENTITY => return Some((Some(psid), take::u16_be(rest)?.into())),
            WSM_WITH_SUPPLEMENT => {
                let mut length = usize::from(take::u16_be(rest)?);
                loop {
                    length = length.checked_sub(1)?;
                    if take::u8(rest)? & 0x80 == 0 {
                        return Some((Some(psid), length));
                    }
                }
            }
            _ => {
                let length = take::u8(rest)?;
                take::skip(rest, length.into())?;
            }
        }
    }
}

/// WAVE information element extension: a count, then identifier, length and value of each.
fn skip_elements(rest: &mut &[u8]) -> Option<()> {
    for _ in 0..length(rest)? {
        take::skip(rest, 1)?;
        let length = length(rest)?;
        take::skip(rest, length)?;
    }
    Some(())
}

/// Length and count fields (clause 8.1.3): one octet below 128, two octets below 16384.
fn length(rest: &mut &[u8]) -> Option<usize> {
    let first = take::u8(rest)?;
    match first {
        0x00..=0x7f => Some(first.into()),
        0x80..=0xbf => Some(u16::from_be_bytes([first & 0x3f, take::u8(rest)?]).into()),
        0xc0.. => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psids_are_p_encoded() {
        let psid = |mut bytes: &[u8]| read_psid(&mut bytes);
        assert_eq!(psid(&[0x20]), Some(0x20));
        assert_eq!(psid(&[0x80, 0x00]), Some(0x80));
        assert_eq!(psid(&[0x80, 0x02]), Some(0x82));
        assert_eq!(psid(&[0xbf, 0xff]), Some(0x407f));
        assert_eq!(psid(&[0xc0, 0x00, 0x00]), Some(0x4080));
        assert_eq!(psid(&[0xe0, 0x00, 0x00, 0x17]), Some(0x20_4097));
        assert_eq!(psid(&[0xef, 0xff, 0xff, 0xff]), Some(0x1020_407f));
        assert_eq!(psid(&[0xf0]), None);
        assert_eq!(psid(&[0x80]), None);
    }

    #[test]
    fn version_3_with_elements_in_both_headers() {
        // Channel 172 in the N-header; one element in the T-header; two-octet length.
        let bytes = [0x0b, 1, 15, 1, 172, 1, 0x20, 1, 23, 2, 9, 9, 0x80, 0x02, 0xaa, 0xbb, 0xcc];
        let message = wsm(&bytes).expect("a WSM");
        assert_eq!((message.version, message.psid), (3, Some(0x20)));
        assert_eq!((message.data, message.trailing_len), (&[0xaa, 0xbb][..], 1));
    }

    #[test]
    fn version_3_by_ports_has_no_psid() {
        let message = wsm(&[3, 2, 0, 1, 0, 2, 1, 0xaa]).expect("a WSM");
        assert_eq!((message.psid, message.data), (None, &[0xaa][..]));
    }

    #[test]
    fn version_2_with_channel_rate_and_power() {
        let bytes = [2, 0x20, 15, 1, 172, 16, 1, 6, 4, 1, 30, 0x80, 0, 2, 0xaa, 0xbb];
        let message = wsm(&bytes).expect("a WSM");
        assert_eq!((message.version, message.psid), (2, Some(0x20)));
        assert_eq!(message.data, &[0xaa, 0xbb]);
    }

    #[test]
    fn version_2_supplement_counts_in_the_length() {
        let message = wsm(&[2, 0x20, 0x81, 0, 4, 0x85, 0x01, 0xaa, 0xbb]).expect("a WSM");
        assert_eq!((message.data, message.trailing_len), (&[0xaa, 0xbb][..], 0));
        assert_eq!(wsm(&[2, 0x20, 0x81, 0, 1, 0x85, 0x01]), None);
    }

    #[test]
    fn a_cut_message_keeps_its_stated_length() {
        let message = wsm(&[3, 0, 0x20, 9, 1, 2]).expect("a WSM");
        assert_eq!((message.data.len(), message.stated_len), (2, 9));
    }
}
