//! From a packet to the messages in it.

use crate::capture::Packet;
use crate::fragments::{Fragment, Fragments, Piece};
use crate::identify::{Kind, Message, Network, identify, ip_packet};
use crate::link::{self, Upper};

/// A message and where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located<'a> {
    /// Number of the frame, from 1; of the one that completes it, if several carry it.
    pub frame: u64,
    /// Where `bytes` begin, in bytes from the start of the capture file.
    pub offset: u64,
    /// What carries the message.
    pub network: Network,
    /// What the message is.
    pub kind: Kind,
    /// PSID of the carrier (WSMP only); the signed one stands in the SPDU.
    pub psid: Option<u32>,
    /// Whether the capture kept the whole frame; if not, `bytes` may be cut.
    pub whole: bool,
    /// The message from its first byte. GeoNetworking and bare messages have no length on the
    /// outside: Ethernet padding or a frame check sequence may follow.
    pub bytes: &'a [u8],
    /// Of an IP packet that came in fragments: where they are. Then `bytes` are together nowhere in the file.
    pub pieces: &'a [Piece],
}

impl Located<'_> {
    /// Whether it is a message of before 2016 (IEEE 1609.2 version 2, TS 103 097 before V1.3.1).
    #[must_use]
    pub fn legacy_v2(&self) -> bool {
        matches!(self.kind, Kind::Legacy { .. })
    }
}

/// The messages of `packet` that are, or claim to be, secured.
#[must_use]
pub fn spdus<'a>(packet: &Packet<'a>) -> Vec<Located<'a>> {
    let mut found = messages(packet);
    found.retain(|message| message.kind != Kind::Unsecured);
    found
}

/// All messages of `packet`, secured or not; of IP fragments, see [`Finder`].
#[must_use]
pub fn messages<'a>(packet: &Packet<'a>) -> Vec<Located<'a>> {
    let mut found = Vec::new();
    let octets = Octets::of(packet);
    link::descend(packet, &mut |upper| {
        found.extend(identify(upper).map(|message| octets.locate(message)));
    });
    found
}

/// Finds the messages of a capture, those in IP fragments too.
#[derive(Debug, Default)]
pub struct Finder {
    fragments: Fragments,
}

/// What a [`Finder`] finds.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// A message.
    Message(Located<'a>),
    /// A frame, or a packet of several, in which no layer announces a message: look for
    /// [`candidate_offsets`](crate::candidate_offsets).
    Unannounced(Octets<'a>),
}

impl Finder {
    /// Gives `found` what `packet` carries or completes.
    pub fn packet(&mut self, packet: &Packet<'_>, found: &mut dyn FnMut(Found<'_>)) {
        let octets = Octets::of(packet);
        let mut is_told = false;
        link::descend(packet, &mut |upper| {
            if let Some(fragment) = ip_packet(upper).and_then(Fragment::of) {
                is_told = true;
                if let Some(joined) = self.fragments.add(&fragment, packet) {
                    let octets = Octets { bytes: &joined.packet, pieces: &joined.pieces, ..octets };
                    found(match identify(Upper::Ip(octets.bytes)) {
                        Some(message) => Found::Message(octets.locate(message)),
                        None => Found::Unannounced(octets),
                    });
                }
            } else if let Some(message) = identify(upper) {
                is_told = true;
                found(Found::Message(octets.locate(message)));
            }
        });
        if !is_told {
            found(Found::Unannounced(octets));
        }
    }

    /// How many IP packets lack fragments or have contradictory ones, so far.
    #[must_use]
    pub fn incomplete(&self) -> u64 {
        self.fragments.incomplete()
    }
}

/// Octets of a capture: a frame, or an IP packet that came in fragments.
#[derive(Debug, Clone, Copy)]
pub struct Octets<'a> {
    /// The octets.
    pub bytes: &'a [u8],
    /// Where the fragments are; empty for a frame.
    pub pieces: &'a [Piece],
    /// Number of the frame, or of the one that completes the packet.
    pub frame: u64,
    /// Whether the capture kept the whole frame.
    pub whole: bool,
    offset: u64,
}

impl<'a> Octets<'a> {
    fn of(packet: &Packet<'a>) -> Self {
        Self {
            bytes: packet.captured,
            pieces: &[],
            frame: packet.number,
            whole: packet.is_whole(),
            offset: packet.offset_in_file,
        }
    }

    /// Where the octet at `position` stands in the file.
    #[must_use]
    pub fn offset_of(&self, position: usize) -> u64 {
        match self.pieces.iter().rfind(|piece| piece.start <= position) {
            Some(piece) => piece.offset + (position - piece.start) as u64,
            None => self.offset + position as u64,
        }
    }

    fn locate(&self, message: Message<'a>) -> Located<'a> {
        let position = message.bytes.as_ptr() as usize - self.bytes.as_ptr() as usize;
        Located {
            frame: self.frame,
            offset: self.offset_of(position),
            network: message.network,
            kind: message.kind,
            psid: message.psid,
            whole: self.whole,
            bytes: message.bytes,
            pieces: self.pieces,
        }
    }
}
