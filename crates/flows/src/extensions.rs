//! The extension headers of an IPv6 packet (RFC 8200 clause 4), however few of them are whole.
//!
//! Of a cut or broken chain etherparse keeps what is whole, but its iterator over that trusts the next number
//! and reads beyond the end, without a check. So the chain is walked here.

use etherparse::LaxIpv6Slice;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// Whether an authentication header (RFC 4302) is among them.
pub(crate) fn is_authenticated(packet: &LaxIpv6Slice<'_>) -> bool {
    Headers::of(packet).any(|(number, _)| number == AUTHENTICATION)
}

/// The number of each whole header, and its octets.
struct Headers<'a> {
    number: Option<u8>,
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    fn of(packet: &LaxIpv6Slice<'a>) -> Self {
        let whole = packet.extensions();
        Self { number: whole.first_header().map(|number| number.0), rest: whole.slice() }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.number.take()?;
        let &[next, length] = self.rest.first_chunk()?;
        let size = match number {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => 8 * (usize::from(length) + 1),
            FRAGMENT => 8,
            AUTHENTICATION => 4 * (usize::from(length) + 2),
            _ => return None,
        };
        let (header, rest) = self.rest.split_at_checked(size)?;
        (self.number, self.rest) = (Some(next), rest);
        Some((number, header))
    }
}
