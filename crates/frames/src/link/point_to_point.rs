//! Links with one peer: PPP (RFC 1661, RFC 1662), PPPoE (RFC 2516), Cisco HDLC, MPLS (RFC 3032).

use super::{IPV4, IPV6, Upper, ethernet};
use crate::take;

/// PPP, with or without the address and control octets of its HDLC-like framing.
pub(super) fn ppp<'a>(frame: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    const ADDRESS_AND_CONTROL: [u8; 2] = [0xff, 0x03];
    protocol(frame.strip_prefix(&ADDRESS_AND_CONTROL).unwrap_or(frame), found)
}

/// A session packet of PPP over Ethernet: version and type, code, session, length, PPP.
pub(super) fn pppoe<'a>(packet: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    protocol(packet.get(6..)?, found)
}

/// Cisco HDLC: address, control, EtherType.
pub(super) fn cisco_hdlc<'a>(frame: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    let mut rest = frame.get(2..)?;
    ethernet::typed(take::u16_be(&mut rest)?, rest, found)
}

/// Labels down to the bottom of the stack; nothing says what follows, but IP says it itself.
pub(super) fn mpls<'a>(packet: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    const BOTTOM_OF_STACK: u8 = 1;
    let mut rest = packet;
    while take::take::<4>(&mut rest)?[2] & BOTTOM_OF_STACK == 0 {}
    match rest.first()? >> 4 {
        4 | 6 => found(Upper::Ip(rest)),
        // The control word of an Ethernet pseudowire (RFC 4448 clause 4.6): flags are zero.
        0 if rest.len() > 18 && rest[1] == 0 => return ethernet::frame(&rest[4..], found),
        _ => {}
    }
    Some(())
}

/// The protocol field, one octet where it is compressed (RFC 1661 clause 6.5).
fn protocol<'a>(mut rest: &'a [u8], found: &mut dyn FnMut(Upper<'a>)) -> Option<()> {
    const COMPRESSED: u8 = 1;
    let mut number = u16::from(take::u8(&mut rest)?);
    if number & u16::from(COMPRESSED) == 0 {
        number = number << 8 | u16::from(take::u8(&mut rest)?);
    }
    match number {
        0x0021 => found(Upper::EtherType(IPV4, rest)),
        0x0057 => found(Upper::EtherType(IPV6, rest)),
        0x0281 => return mpls(rest, found),
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(
        read: impl Fn(&'static [u8], &mut dyn FnMut(Upper<'static>)) -> Option<()>,
        frame: &'static [u8],
    ) -> Vec<u8> {
        let mut all = Vec::new();
        let _ = read(frame, &mut |upper| match upper {
            Upper::EtherType(_, bytes) | Upper::Ip(bytes) | Upper::Any(bytes) => all.extend(bytes),
            Upper::Encrypted(_) => {}
        });
        all
    }

    #[test]
    fn ppp_framing_and_compression_are_optional() {
        for frame in [&[0xff, 3, 0, 0x21, 0x45][..], &[0xff, 3, 0x21, 0x45], &[0, 0x21, 0x45], &[0x21, 0x45]]
        {
            assert_eq!(carried(ppp, frame), [0x45], "{frame:x?}");
        }
        assert_eq!(carried(ppp, &[0xff, 3, 0xc0, 0x21, 1]), [0u8; 0], "link control");
        assert_eq!(carried(pppoe, &[0x11, 0, 0, 1, 0, 3, 0, 0x57, 0x60]), [0x60]);
        assert_eq!(carried(cisco_hdlc, &[0x0f, 0, 8, 0, 0x45]), [0x45]);
    }

    #[test]
    fn labels_end_at_the_bottom_of_the_stack() {
        assert_eq!(carried(mpls, &[0, 0, 0, 9, 0, 0, 1, 9, 0x45]), [0x45]);
        assert_eq!(carried(mpls, &[0, 0, 1, 9, 0x00]), [0u8; 0], "a pseudowire");
        assert_eq!(carried(mpls, &[0, 0, 0, 9]), [0u8; 0]);
    }
}
