//! The flows of a capture, in bounded memory.

use std::collections::{BTreeMap, HashMap, VecDeque};

use frames::{Fragments, Message, Packet, Upper};

use crate::dissect::Conversation;
use crate::dissect::v2x::Broadcasts;
use crate::network::{self, Address, Body, Datagram};
use crate::sctp::{self, Messages};
use crate::session::{Broadcast, Flow, Gap, Session};
use crate::side::{Both, Side};
use crate::stations::Stations;
use crate::stream::Stream;

/// How much memory the flows of a capture may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most flows at a time; the oldest is reported early and forgotten (default 65,536).
    pub max_flows: usize,
    /// Most bytes held for handshakes in the making, in bytes (default 64 MiB).
    pub max_held: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_flows: 65_536, max_held: 64 << 20 }
    }
}

type Endpoint = (Address, u16);

/// Both directions of a flow have the same key: the lower endpoint stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    low: Endpoint,
    high: Endpoint,
    transport: Transport,
}

/// Type of an EAPOL frame of MACsec's key agreement.
const KEY_AGREEMENT: u8 = 5;
/// Type of one of a radio network's keys.
const RADIO_KEY: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Transport {
    Tcp,
    Udp,
    UdpLite,
    Dccp,
    Sctp,
    Esp,
    Ah,
    Eapol,
    KeyAgreement,
    RadioKeys,
    Macsec,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UdpLite => "udp-lite",
            Self::Dccp => "dccp",
            Self::Sctp => "sctp",
            Self::Esp | Self::Ah => "ip",
            Self::Eapol | Self::KeyAgreement | Self::RadioKeys | Self::Macsec => "link",
        }
    }
}

#[derive(Debug)]
struct Entry {
    key: Key,
    client_is_low: bool,
    tunnel: Option<&'static str>,
    first_frame: u64,
    packets: u64,
    bytes: u64,
    seen: Both<bool>,
    streams: Both<Stream>,
    messages: Option<Box<Both<Messages>>>,
    conversation: Conversation,
    broken: bool,
    ended: bool,
    unanswered: bool,
    held: usize,
    v2x: bool,
}

/// The flows of a capture.
///
/// Packets go in by [`packet`](Self::packet); flows come out once they are evicted, or at
/// [`finish`](Self::finish).
#[derive(Debug, Default)]
pub struct Flows {
    limits: Limits,
    entries: HashMap<Key, Box<Entry>>,
    /// Keys with the first frames of their flows; a flow that was reported leaves its key behind.
    by_age: VecDeque<(Key, u64)>,
    held: usize,
    fragments: Fragments,
    broadcasts: Broadcasts,
    stations: Stations,
    unread: BTreeMap<u8, u64>,
    encrypted_by_radio: u64,
    encrypted_by_wep: u64,
    link_types: BTreeMap<u16, u64>,
    evicted: Vec<Flow>,
    unsupported: u64,
}

/// What of a capture belongs to no flow.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Secured messages, summed up.
    pub broadcasts: Vec<Broadcast>,
    /// Secured messages of more kinds than are kept apart.
    pub broadcasts_uncounted: u64,
    /// Datagram of which fragments are missing.
    pub incomplete_datagrams: u64,
    /// Frames of link types that are not looked into.
    pub unsupported_frames: u64,
    /// Packets of IP protocols that are not read, by their number.
    pub unread_protocols: BTreeMap<u8, u64>,
    /// Frames that their radio network encrypts (WEP, WPA).
    pub encrypted_by_radio: u64,
    /// Those of them that are in WEP.
    pub encrypted_by_wep: u64,
    /// Link types that are not looked into, with their frames.
    pub unsupported_link_types: BTreeMap<u16, u64>,
}

impl Flows {
    /// An empty table under `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Looks into a packet.
    pub fn packet(&mut self, packet: &Packet<'_>) {
        if !packet.link_type.is_supported() {
            self.unsupported += 1;
            *self.link_types.entry(packet.link_type.0).or_default() += 1;
            return;
        }
        // Taken out for the time of the walk, which borrows it beside the table.
        let mut fragments = std::mem::take(&mut self.fragments);
        frames::descend(packet, &mut |upper| {
            match upper {
                Upper::Encrypted(body) => {
                    // Without the extended vector it is WEP (IEEE 802.11-2020 clause 12.3.2.2).
                    const EXTENDED_VECTOR: u8 = 0x20;
                    let is_wep = body.get(3).is_some_and(|octet| octet & EXTENDED_VECTOR == 0);
                    self.encrypted_by_radio += 1;
                    self.encrypted_by_wep += u64::from(is_wep);
                }
                Upper::EtherType(frames::EAPOL, frame) => self.eapol(packet, frame),
                Upper::EtherType(frames::MACSEC, tag) => self.macsec(packet, tag),
                Upper::Ip(_) | Upper::EtherType(frames::IPV4 | frames::IPV6, _) => {
                    network::walk(upper, packet, &mut fragments, &mut |datagram| {
                        self.datagram(packet, datagram)
                    });
                }
                Upper::EtherType(..) | Upper::Any(_) => {
                    if let Some(message) = frames::identify(upper) {
                        self.broadcasts.add(packet.number, &message);
                    }
                }
            }
        });
        self.fragments = fragments;
    }

    /// Flows that gave way to newer ones since the last call.
    pub fn evicted(&mut self) -> Vec<Flow> {
        std::mem::take(&mut self.evicted)
    }

    /// The flows that are left, in the order of their first frames, and what belongs to none.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Flow>, Summary) {
        let mut flows = std::mem::take(&mut self.evicted);
        flows.extend(std::mem::take(&mut self.entries).into_values().map(|entry| entry.finish()));
        flows.sort_by_key(|flow| flow.first_frame);
        let summary = Summary {
            broadcasts: self.broadcasts.take(),
            broadcasts_uncounted: self.broadcasts.uncounted,
            incomplete_datagrams: self.fragments.incomplete(),
            unsupported_frames: self.unsupported,
            unread_protocols: self.unread,
            encrypted_by_radio: self.encrypted_by_radio,
            encrypted_by_wep: self.encrypted_by_wep,
            unsupported_link_types: self.link_types,
        };
        (flows, summary)
    }

    fn eapol(&mut self, packet: &Packet<'_>, frame: &[u8]) {
        let is_radio = packet.link_type != frames::LinkType::ETHERNET;
        let Some(ends) = self.stations.ends(frames::stations(packet), frame, is_radio) else {
            return;
        };
        let datagram = Datagram {
            source: (ends.source, 0),
            destination: (ends.destination, 0),
            body: Body::Eapol { frame, from_authenticator: ends.from_authenticator },
            cut: false,
            tunnel: None,
        };
        self.datagram(packet, &datagram);
    }

    fn macsec(&mut self, packet: &Packet<'_>, tag: &[u8]) {
        let (source, destination) = frames::stations(packet).unwrap_or_default();
        let [source, destination] = [source, destination].map(|station| (Address::Station(station), 0));
        let body = Body::Macsec(tag);
        self.datagram(packet, &Datagram { source, destination, body, cut: false, tunnel: None });
    }

    fn datagram(&mut self, packet: &Packet<'_>, datagram: &Datagram<'_>) {
        let source_is_low = datagram.source <= datagram.destination;
        let (low, high) = match source_is_low {
            true => (datagram.source, datagram.destination),
            false => (datagram.destination, datagram.source),
        };
        let transport = match datagram.body {
            Body::Tcp { .. } => Transport::Tcp,
            Body::Udp(_) => Transport::Udp,
            Body::UdpLite(_) => Transport::UdpLite,
            Body::Dccp(_) => Transport::Dccp,
            Body::Sctp(_) => Transport::Sctp,
            Body::Esp => Transport::Esp,
            Body::Ah => Transport::Ah,
            Body::Eapol { frame: [_, KEY_AGREEMENT, ..], .. } => Transport::KeyAgreement,
            Body::Eapol { frame: [_, RADIO_KEY, ..], .. } => Transport::RadioKeys,
            Body::Eapol { .. } => Transport::Eapol,
            Body::Macsec(_) => Transport::Macsec,
            Body::Unread(number) => {
                *self.unread.entry(number).or_default() += 1;
                return;
            }
        };
        let key = Key { low, high, transport };
        if let Body::Tcp { syn: true, ack: false, .. } = datagram.body
            && self.entries.get(&key).is_some_and(|entry| entry.ended)
        {
            self.report(&key); // the same two sockets again: another connection
        }
        if !self.entries.contains_key(&key) {
            self.make_room();
            self.entries.insert(key, Box::new(Entry::new(key, source_is_low, packet.number, datagram)));
            self.by_age.push_back((key, packet.number));
        }
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let message = entry.take(source_is_low, datagram);
        let held = entry.measure();
        self.held = self.held + held.after - held.before;
        if let Some(message) = message {
            self.broadcasts.add(packet.number, &message);
        }
    }

    fn make_room(&mut self) {
        while self.entries.len() >= self.limits.max_flows || self.held > self.limits.max_held {
            let Some((oldest, first_frame)) = self.by_age.pop_front() else {
                return;
            };
            if self.entries.get(&oldest).is_some_and(|entry| entry.first_frame == first_frame) {
                self.report(&oldest);
            }
        }
        const SLACK: usize = 1024;
        if self.by_age.len() > 2 * self.entries.len() + SLACK {
            let entries = &self.entries;
            self.by_age.retain(|(key, first_frame)| {
                entries.get(key).is_some_and(|entry| entry.first_frame == *first_frame)
            });
        }
    }

    fn report(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.held -= entry.held;
            self.evicted.push(entry.finish());
        }
    }
}

/// Memory held before and after a packet.
struct Held {
    before: usize,
    after: usize,
}

impl Entry {
    fn new(key: Key, source_is_low: bool, frame: u64, datagram: &Datagram<'_>) -> Self {
        let from_server = match datagram.body {
            Body::Tcp { syn: true, ack, .. } => ack,
            Body::Eapol { from_authenticator, .. } => from_authenticator,
            Body::Sctp([sctp::INIT, ..]) => false,
            Body::Sctp([sctp::INIT_ACK, ..]) => true,
            _ => datagram.source.1 < 1024 && datagram.destination.1 >= 1024,
        };
        let conversation = match key.transport {
            Transport::Esp => Conversation::Over(Some(Box::new(Session::Esp)), Vec::new()),
            Transport::Ah => Conversation::Over(Some(Box::new(Session::Ah)), Vec::new()),
            Transport::Tcp
            | Transport::Udp
            | Transport::UdpLite
            | Transport::Dccp
            | Transport::Sctp
            | Transport::Eapol
            | Transport::KeyAgreement
            | Transport::RadioKeys
            | Transport::Macsec => Conversation::default(),
        };
        Self {
            key,
            client_is_low: source_is_low != from_server,
            tunnel: datagram.tunnel,
            first_frame: frame,
            packets: 0,
            bytes: 0,
            seen: Both::default(),
            streams: Both::default(),
            messages: None,
            conversation,
            broken: false,
            ended: false,
            unanswered: false,
            held: 0,
            v2x: false,
        }
    }

    /// The secured message in a datagram of a flow of such messages.
    fn take<'a>(&mut self, source_is_low: bool, datagram: &Datagram<'a>) -> Option<Message<'a>> {
        let from = if source_is_low == self.client_is_low { Side::Client } else { Side::Server };
        self.packets += 1;
        self.seen[from] = true;
        match datagram.body {
            Body::Tcp { sequence, syn, end, data, .. } => {
                self.bytes += data.len() as u64;
                self.ended |= end;
                self.unanswered |= end
                    && from == Side::Server
                    && data.is_empty()
                    && self.streams[from].is_empty_at(sequence);
                if self.conversation.is_over() {
                    return None;
                }
                if syn {
                    self.streams[from].begin(sequence);
                }
                if !data.is_empty() {
                    self.streams[from].push(sequence.wrapping_add(syn.into()), data, datagram.cut);
                    self.read_streams(from);
                }
                None
            }
            Body::Udp(data) | Body::UdpLite(data) | Body::Dccp(data) => {
                self.bytes += data.len() as u64;
                self.udp(from, data, datagram.cut)
            }
            Body::Sctp(packet) => {
                self.sctp(from, packet);
                None
            }
            Body::Eapol { frame, .. } => {
                self.bytes += frame.len() as u64;
                self.conversation.read_eapol(frame);
                None
            }
            Body::Macsec(tag) => {
                self.bytes += tag.len() as u64;
                self.conversation.read_macsec(tag);
                None
            }
            Body::Esp | Body::Ah | Body::Unread(_) => None,
        }
    }

    fn udp<'a>(&mut self, mut from: Side, data: &'a [u8], cut: bool) -> Option<Message<'a>> {
        if self.v2x {
            return frames::identify_datagram(data);
        }
        if self.conversation.is_over() {
            return None;
        }
        self.broken |= cut;
        if matches!(self.conversation, Conversation::Unknown { .. }) {
            let ports = [self.key.low.1, self.key.high.1];
            if let Some(speaker) = self.conversation.recognise_datagram(data, ports) {
                from = self.is_really(from, speaker);
            }
            if matches!(self.conversation, Conversation::Unknown { .. })
                && data.first().is_some_and(|&first| first < 0x20)
                && let Some(message) = frames::identify_datagram(data)
                && message.kind != frames::Kind::Unsecured
            {
                self.v2x = true;
                self.conversation = Conversation::Over(Some(Box::new(Session::V2x)), Vec::new());
                return Some(message);
            }
        }
        self.conversation.read_datagram(from, data);
        None
    }

    fn sctp(&mut self, mut from: Side, packet: &[u8]) {
        let messages = self.messages.get_or_insert_default();
        let mut whole = Vec::new();
        let mut lost = false;
        let is_whole = sctp::chunks(packet, &mut |chunk| {
            self.bytes += chunk.data.len() as u64;
            if !self.conversation.is_over() {
                lost |= !messages[from].take(chunk, &mut whole);
            }
        });
        self.broken |= lost || !is_whole;
        for message in &whole {
            if self.conversation.is_over() {
                break;
            }
            if let Some(speaker) = self.conversation.recognise_message(message) {
                from = self.is_really(from, speaker);
            }
            self.conversation.read_datagram(from, &message.data);
        }
        if self.conversation.is_over() {
            self.messages = None;
        }
    }

    fn read_streams(&mut self, mut from: Side) {
        if matches!(self.conversation, Conversation::Unknown { .. }) {
            let server_port = self.server().1;
            let speaker = self.conversation.recognise_stream(from, &mut self.streams[from], server_port);
            if let Some(speaker) = speaker {
                from = self.is_really(from, speaker);
            }
            if matches!(self.conversation, Conversation::Unknown { .. }) {
                return;
            }
            // What the other side sent meanwhile waited for the same answer.
            self.conversation.read_stream(from.other(), &mut self.streams[from.other()]);
        }
        if !self.conversation.is_over() {
            self.broken |= self.streams[from].broken;
            self.conversation.read_stream(from, &mut self.streams[from]);
        }
        if self.conversation.is_over() {
            self.streams = Both::default();
        }
    }

    /// The protocol says who spoke: turns the flow round if it was thought the other way.
    fn is_really(&mut self, thought: Side, speaker: Side) -> Side {
        if thought != speaker {
            self.client_is_low = !self.client_is_low;
            self.streams.swap();
            self.seen.swap();
            if let Some(messages) = &mut self.messages {
                messages.swap();
            }
        }
        speaker
    }

    fn measure(&mut self) -> Held {
        let streams: usize = Side::BOTH.iter().map(|&side| self.streams[side].held()).sum();
        let messages = self.messages.as_deref();
        let messages = messages.map_or(0, |sides| Side::BOTH.iter().map(|&side| sides[side].held()).sum());
        let before = self.held;
        self.held = streams + messages + self.conversation.held();
        Held { before, after: self.held }
    }

    fn client(&self) -> Endpoint {
        if self.client_is_low { self.key.low } else { self.key.high }
    }

    fn server(&self) -> Endpoint {
        if self.client_is_low { self.key.high } else { self.key.low }
    }

    fn finish(mut self: Box<Self>) -> Flow {
        for side in Side::BOTH {
            if !self.conversation.is_over() && self.streams[side].give_up_waiting() {
                self.read_streams(side);
            }
        }
        for side in Side::BOTH {
            let stream = &self.streams[side];
            self.broken |= stream.broken;
            if let Conversation::Tls { records, .. } = &mut self.conversation
                && !stream.is_ended()
            {
                records.cut(side, stream.unread());
            }
        }
        if let Some(messages) = &self.messages {
            self.broken |= Side::BOTH.iter().any(|&side| messages[side].is_incomplete());
        }
        self.conversation.conclude();
        let (client, server) = (self.client(), self.server());
        let (session, mut gaps) = match self.conversation {
            Conversation::Over(session, gaps) => (session.map(|session| *session), gaps),
            _ => (None, Vec::new()),
        };
        if self.broken && session.is_some() {
            gaps.insert(0, Gap::BytesMissing);
        }
        if self.unanswered {
            gaps.retain(|&gap| gap != Gap::ServerNotSeen);
        }
        Flow {
            transport: self.key.transport.name(),
            client: client.0.to_string(),
            client_port: client.1,
            server: server.0.to_string(),
            server_port: server.1,
            tunnel: self.tunnel,
            first_frame: self.first_frame,
            packets: self.packets,
            bytes: self.bytes,
            unanswered: self.unanswered,
            both_directions: self.seen[Side::Client] && self.seen[Side::Server],
            session,
            gaps,
        }
    }
}
