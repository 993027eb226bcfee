//! SCTP (RFC 9260): the user messages in DATA and I-DATA chunks (RFC 8260), put together from their fragments.

use std::collections::BTreeMap;

use crate::cursor::Cursor;

const DATA: u8 = 0;
const I_DATA: u8 = 64;

/// Most bytes of fragments that wait for others, in each direction of an association.
const MAX_WAITING: usize = 128 << 10;
/// Most fragments that wait.
const MAX_FRAGMENTS: usize = 256;

/// Chunks that open an association.
pub(crate) const INIT: u8 = 1;
pub(crate) const INIT_ACK: u8 = 2;

/// A chunk that carries a message or a part of one.
#[derive(Debug)]
pub(crate) struct Chunk<'a> {
    place: Place,
    begins: bool,
    ends: bool,
    protocol: u32,
    pub(crate) data: &'a [u8],
}

/// Where a fragment belongs: those of a message follow each other.
///
/// Those of DATA are counted through the association (RFC 9260 clause 6.9); those of I-DATA each in its message, for
/// several messages may be under way at a time (RFC 8260 clause 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Unordered or not, stream, and identifier of a message of I-DATA.
    message: Option<(bool, u16, u32)>,
    number: u32,
}

impl Place {
    fn next(self) -> Self {
        Self { number: self.number.wrapping_add(1), ..self }
    }

    fn previous(self) -> Self {
        Self { number: self.number.wrapping_sub(1), ..self }
    }
}

/// A message of the user of an association.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Payload protocol identifier.
    protocol: u32,
    pub(crate) data: Vec<u8>,
}

/// Gives `each` the chunks with data of what stands behind the common header. Answers whether all chunks are whole.
pub(crate) fn chunks<'a>(packet: &'a [u8], each: &mut dyn FnMut(Chunk<'a>)) -> bool {
    let mut rest = Cursor(packet);
    while !rest.is_empty() {
        let (Some([kind, flags]), Some(stated)) = (rest.take(), rest.u16()) else {
            return false;
        };
        let Some(body) = usize::from(stated).checked_sub(4).and_then(|len| rest.bytes(len)) else {
            return false;
        };
        if let DATA | I_DATA = kind
            && let Some(chunk) = chunk(kind, flags, Cursor(body))
        {
            each(chunk);
        }
        rest.at_most(usize::from(stated).wrapping_neg() % 4); // chunks end on words
    }
    true
}

fn chunk(kind: u8, flags: u8, mut body: Cursor<'_>) -> Option<Chunk<'_>> {
    const END: u8 = 1;
    const BEGIN: u8 = 2;
    const UNORDERED: u8 = 4;
    let (begins, ends) = (flags & BEGIN != 0, flags & END != 0);
    let number = body.u32()?;
    let stream = body.u16()?;
    body.skip(2)?; // sequence number of the stream, or reserved
    let message = if kind == I_DATA { Some((flags & UNORDERED != 0, stream, body.u32()?)) } else { None };
    let protocol = body.u32()?;
    // In the place of the protocol, I-DATA counts the fragments behind the first.
    let number = match message {
        Some(_) if begins => 0,
        Some(_) => protocol,
        None => number,
    };
    Some(Chunk { place: Place { message, number }, begins, ends, protocol, data: body.0 })
}

/// Fragments of one direction that wait for the rest of their messages.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    waiting: BTreeMap<Place, Fragment>,
    held: usize,
}

#[derive(Debug)]
struct Fragment {
    begins: bool,
    ends: bool,
    part: Message,
}

impl Messages {
    /// Takes a chunk, and adds the message that is whole with it to `whole`. Answers `false` where there are too many
    /// fragments, and they are given up.
    pub(crate) fn take(&mut self, chunk: Chunk<'_>, whole: &mut Vec<Message>) -> bool {
        let part = Message { protocol: chunk.protocol, data: chunk.data.to_vec() };
        if chunk.begins && chunk.ends {
            whole.push(part);
            return true;
        }
        if self.waiting.len() >= MAX_FRAGMENTS || self.held + part.data.len() > MAX_WAITING {
            *self = Self::default();
            return false;
        }
        self.held += part.data.len();
        let fragment = Fragment { begins: chunk.begins, ends: chunk.ends, part };
        if let Some(repeated) = self.waiting.insert(chunk.place, fragment) {
            self.held -= repeated.part.data.len();
        }
        whole.extend(self.join(chunk.place));
        true
    }

    /// The message that the fragment at `place` is a part of, once it is whole.
    fn join(&mut self, place: Place) -> Option<Message> {
        let mut first = place;
        while !self.waiting.get(&first)?.begins {
            first = first.previous();
        }
        let mut last = place;
        while !self.waiting.get(&last)?.ends {
            last = last.next();
        }
        let mut message = self.waiting.remove(&first)?.part;
        let mut next = first;
        while next != last {
            next = next.next();
            message.data.extend(self.waiting.remove(&next)?.part.data);
        }
        self.held -= message.data.len();
        Some(message)
    }

    /// Whether parts of a message are missing.
    pub(crate) fn is_incomplete(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How much memory it holds.
    pub(crate) fn held(&self) -> usize {
        self.held
    }
}

/// What a payload protocol says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    /// DTLS below one of 3GPP's protocols or Diameter.
    Dtls,
    /// A protocol in clear.
    Plain(&'static str),
    Unknown,
}

impl Message {
    /// The IANA registry "SCTP Payload Protocol Identifiers", as far as it names protocols of networks and control.
    pub(crate) fn payload(&self) -> Payload {
        Payload::Plain(match self.protocol {
            47 | 66..=69 => return Payload::Dtls,
            1 => "iua",
            2 => "m2ua",
            3 => "m3ua",
            4 => "sua",
            5 => "m2pa",
            7 => "h248",
            11 => "asap",
            12 => "enrp",
            18 => "s1ap",
            19 => "rua",
            20 => "hnbap",
            21..=23 => "forces",
            24 => "sbc-ap",
            25 => "nbap",
            27 => "x2ap",
            29 => "lcs-ap",
            31 => "sabp",
            42 => "rna",
            43 => "m2ap",
            44 => "m3ap",
            46 => "diameter",
            58 | 59 => "xw-ap",
            60 => "ngap",
            61 => "xnap",
            62 => "f1ap",
            63 => "http",
            64 => "e1ap",
            70..=72 => "e2ap",
            73 => "w1ap",
            _ => return Payload::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(number: u32, flags: u8, body: &[u8]) -> Vec<u8> {
        let mut chunk = vec![DATA, flags];
        chunk.extend((16 + body.len() as u16).to_be_bytes());
        chunk.extend(number.to_be_bytes());
        chunk.extend([0, 0, 0, 0, 0, 0, 0, 60]);
        chunk.extend(body);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    }

    fn messages(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let (mut table, mut whole) = (Messages::default(), Vec::new());
        for packet in packets {
            chunks(packet, &mut |chunk| assert!(table.take(chunk, &mut whole)));
        }
        assert_eq!(table.held(), table.waiting.values().map(|one| one.part.data.len()).sum::<usize>());
        assert!(whole.iter().all(|message| message.payload() == Payload::Plain("ngap")));
        whole.into_iter().map(|message| message.data).collect()
    }

    #[test]
    fn fragments_come_in_any_order_and_numbers_wrap() {
        let parts = [data(u32::MAX, 2, b"ab"), data(0, 0, b"cde"), data(1, 1, b"f")];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(messages(&order.map(|at| parts[at].clone())), [b"abcdef"]);
        }
    }

    #[test]
    fn fragments_of_several_messages_alternate_in_i_data() {
        let part = |message: u8, count: u8, flags: u8, body: &[u8]| {
            let mut chunk =
                vec![I_DATA, flags, 0, 20 + body.len() as u8, 0, 0, 0, 9, 0, 5, 0, 0, 0, 0, 0, message];
            chunk.extend([0, 0, 0, if flags & 2 != 0 { 60 } else { count }]);
            chunk.extend(body);
            chunk
        };
        let packets = [
            part(1, 0, 2, b"firs"),
            part(2, 0, 2, b"seco"),
            part(2, 1, 1, b"nd__"),
            part(1, 1, 0, b"t___"),
            part(1, 2, 1, b"____"),
        ];
        assert_eq!(messages(&packets), [&b"second__"[..], b"first_______"]);
    }

    #[test]
    fn chunks_are_bundled_and_cut() {
        let packet = [data(1, 3, b"one"), vec![4, 0, 0, 8, 1, 2, 3, 4], data(2, 3, b"three")].concat();
        assert_eq!(messages(std::slice::from_ref(&packet)), [&b"one"[..], b"three"]);
        let padding = 3;
        for end in 0..packet.len() - padding {
            assert!(messages(&[packet[..end].to_vec()]).len() <= 1);
        }
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut table, mut whole) = (Messages::default(), Vec::new());
        for number in 0..10_000 {
            let data = [0; 1000];
            let place = Place { message: None, number: number * 2 };
            let chunk = Chunk { place, begins: true, ends: false, protocol: 0, data: &data };
            table.take(chunk, &mut whole);
            assert!(table.held() <= MAX_WAITING && table.waiting.len() <= MAX_FRAGMENTS);
        }
        assert!(whole.is_empty());
    }
}
