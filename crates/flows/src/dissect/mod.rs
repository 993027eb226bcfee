//! What a flow speaks: recognised by its bytes, on any port.

pub(crate) mod dnp3;
pub(crate) mod dtls;
pub(crate) mod eap;
pub(crate) mod ike;
pub(crate) mod macsec;
pub(crate) mod modbus;
pub(crate) mod mqtt;
pub(crate) mod opcua;
pub(crate) mod openvpn;
mod plain;
pub(crate) mod quic;
pub(crate) mod radius;
pub(crate) mod snmp;
pub(crate) mod ssh;
pub(crate) mod tls;
pub(crate) mod v2x;
pub(crate) mod wifi;
pub(crate) mod wireguard;

use tls::Start;
use tls::handshake::message;

use crate::cursor::Cursor;
use crate::sctp;
use crate::session::{Gap, Quic, Session, Tls};
use crate::side::Side;
use crate::stream::Stream;

/// Bytes of a connection that are looked at before it counts as unidentified.
const MAX_LOOKED: usize = 64 << 10;
/// Datagrams of a flow that are looked at before it counts as unidentified: DTLS may follow STUN.
const MAX_DATAGRAMS: usize = 64;
/// Datagrams of the simple protocols that are read.
const MAX_READ: u32 = 64;

/// A flow in the course of being understood.
#[derive(Debug)]
pub(crate) enum Conversation {
    Unknown {
        looked: usize,
        application: Option<&'static str>,
    },
    Tls {
        records: Box<tls::Records>,
        upgraded_from: Option<&'static str>,
    },
    Dtls(Box<dtls::Dtls>),
    Quic(Box<quic::Quic>),
    Ssh(Box<ssh::Reader>),
    Ike(Box<ike::Ike>, u32),
    Wireguard(wireguard::Wireguard),
    Snmp(snmp::Snmp, u32),
    OpcUa(opcua::OpcUa),
    Mqtt(mqtt::Mqtt),
    Dnp3(dnp3::Dnp3),
    Modbus(modbus::Modbus),
    OpenVpn(Box<openvpn::Reader>),
    Radius(Box<radius::Reader>),
    Eap(Box<eap::Reader>),
    Macsec(macsec::Macsec),
    Wifi(wifi::Wifi),
    /// Nothing more is to be learnt.
    Over(Option<Box<Session>>, Vec<Gap>),
}

impl Default for Conversation {
    fn default() -> Self {
        Self::Unknown { looked: 0, application: None }
    }
}

/// A protocol was recognised: who spoke is known for some.
struct Recognised {
    conversation: Conversation,
    speaker: Option<Side>,
}

impl Recognised {
    fn new(conversation: Conversation) -> Self {
        Self { conversation, speaker: None }
    }

    fn by(conversation: Conversation, speaker: Side) -> Self {
        Self { conversation, speaker: Some(speaker) }
    }
}

/// What looking at an unknown stream gave.
enum Look {
    /// Too few bytes to say.
    Wait,
    Found(Recognised),
    Nothing,
}

impl Conversation {
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Over(..))
    }

    /// Tries to recognise what stands in `stream`. Answers who really sent it, where that became known.
    pub(crate) fn recognise_stream(
        &mut self,
        from: Side,
        stream: &mut Stream,
        server_port: u16,
    ) -> Option<Side> {
        let Self::Unknown { looked, application } = self else {
            return None;
        };
        let bytes = stream.unread();
        match look(bytes, server_port, *application, *looked == 0) {
            Look::Wait => None,
            Look::Found(found) => {
                let speaker = found.speaker;
                *self = found.conversation;
                speaker
            }
            Look::Nothing => {
                *application = application.or_else(|| plain::recognise(from, bytes));
                *looked += bytes.len();
                let over = *looked > MAX_LOOKED;
                stream.consume(usize::MAX);
                if over {
                    self.conclude();
                }
                None
            }
        }
    }

    /// Reads what is new in a stream whose protocol is known.
    pub(crate) fn read_stream(&mut self, from: Side, stream: &mut Stream) {
        let bytes = stream.unread();
        let (used, side_is_done) = match self {
            Self::Tls { records, upgraded_from } => {
                // The one octet with which PostgreSQL agrees to TLS begins no record.
                const AGREED: &[u8] = b"S";
                let body = match upgraded_from {
                    Some(_) => bytes.strip_prefix(AGREED).unwrap_or(bytes),
                    None => bytes,
                };
                (bytes.len() - body.len() + records.read(from, body), records.side_is_done(from))
            }
            Self::Ssh(reader) => (reader.read(from, bytes), reader.side_is_done(from)),
            Self::Mqtt(mqtt) => match mqtt.read(from, bytes) {
                mqtt::Step::Wait => (0, false),
                mqtt::Step::Done => (bytes.len(), true),
            },
            Self::OpcUa(opcua) => match opcua.read(from, bytes) {
                Some(used) => (used, false),
                None => (bytes.len(), true),
            },
            Self::Dnp3(dnp3) => match dnp3.read(bytes) {
                Some(used) => (used, dnp3.frames > 4096),
                None => (bytes.len(), true),
            },
            Self::Modbus(modbus) => {
                modbus.read(bytes);
                (bytes.len(), false)
            }
            Self::OpenVpn(reader) => (reader.read_stream(from, bytes), reader.is_done()),
            _ => (bytes.len(), true),
        };
        stream.consume(used);
        if stream.broken
            && let Self::Tls { records, .. } = self
        {
            records.cut(from, stream.unread());
        }
        if side_is_done || stream.broken {
            stream.end();
        }
        let over = match self {
            Self::Tls { records, .. } => records.is_done(),
            Self::Ssh(reader) => reader.is_done(),
            Self::Mqtt(_) => side_is_done && from == Side::Server,
            Self::OpenVpn(reader) => reader.is_done(),
            _ => false,
        };
        if over {
            self.conclude();
        }
    }

    /// Reads a datagram. Answers who really sent it, where that became known; then it has to be read
    /// again.
    pub(crate) fn recognise_datagram(&mut self, datagram: &[u8], ports: [u16; 2]) -> Option<Side> {
        let Self::Unknown { looked, .. } = self else {
            return None;
        };
        if let Some(found) = look_at_datagram(datagram, ports) {
            *self = found.conversation;
            return found.speaker;
        }
        *looked += 1;
        if *looked > MAX_DATAGRAMS {
            self.conclude();
        }
        None
    }

    /// As [`recognise_datagram`](Self::recognise_datagram), for a message of SCTP: TLS in records of one message each
    /// (RFC 3436), DTLS (RFC 6083), or what its payload protocol says.
    pub(crate) fn recognise_message(&mut self, message: &sctp::Message) -> Option<Side> {
        let Self::Unknown { looked, application } = self else {
            return None;
        };
        let data = &message.data;
        if dtls::starts(data) {
            *self = Self::Dtls(Box::default());
            return tls_speaker(data.get(13).copied(), &[]);
        }
        if matches!(tls::starts(data), Start::Yes) {
            *self = Self::Tls { records: Box::default(), upgraded_from: None };
            return tls_speaker(data.get(5).copied(), data);
        }
        *looked += 1;
        match message.payload() {
            sctp::Payload::Dtls => *self = Self::Dtls(Box::default()),
            sctp::Payload::Plain(name) => *application = application.or(Some(name)),
            sctp::Payload::Unknown => {}
        }
        if matches!(self, Self::Unknown { looked: MAX_DATAGRAMS.., .. }) {
            self.conclude();
        }
        None
    }

    pub(crate) fn read_datagram(&mut self, from: Side, datagram: &[u8]) {
        let over = match self {
            Self::Tls { records, .. } => {
                records.read(from, datagram);
                records.is_done()
            }
            Self::Dtls(dtls) => {
                dtls.read(from, datagram);
                dtls.is_done()
            }
            Self::Quic(quic) => {
                quic.read(from, datagram);
                quic.is_done()
            }
            Self::Ike(ike, count) => {
                ike.read(from, datagram);
                *count += 1;
                *count > MAX_READ
            }
            Self::Wireguard(wireguard) => {
                wireguard.read(datagram);
                wireguard.initiations + wireguard.responses + wireguard.data > MAX_READ
            }
            Self::Snmp(known, count) => {
                if let Some(message) = snmp::read(datagram) {
                    known.join(from, message);
                }
                *count += 1;
                *count > MAX_READ
            }
            Self::Dnp3(dnp3) => {
                let _ = dnp3.read(datagram);
                dnp3.frames > MAX_READ
            }
            Self::OpenVpn(reader) => {
                reader.read(from, datagram);
                reader.is_done()
            }
            Self::Radius(reader) => {
                reader.read(datagram);
                false
            }
            _ => false,
        };
        if over {
            self.conclude();
        }
    }

    /// Reads a frame of port-based access control (IEEE 802.1X-2020 clause 11.3): version, type, length, body.
    pub(crate) fn read_eapol(&mut self, frame: &[u8]) {
        const EAP: u8 = 0;
        const KEY: u8 = 3;
        const KEY_AGREEMENT: u8 = 5;
        let mut rest = Cursor(frame);
        let (Some([_version, kind]), Some(body)) = (rest.take(), rest.lax_vector_16()) else {
            return;
        };
        match (kind, &mut *self) {
            (EAP, Self::Eap(reader)) => reader.read(body.0),
            (EAP, Self::Unknown { .. }) => {
                let mut reader = eap::Reader::default();
                reader.read(body.0);
                *self = Self::Eap(Box::new(reader));
            }
            (KEY, Self::Wifi(wifi)) => wifi.read(body.0),
            (KEY, Self::Unknown { .. }) => {
                let mut wifi = wifi::Wifi::default();
                wifi.read(body.0);
                *self = Self::Wifi(wifi);
            }
            (KEY_AGREEMENT, Self::Macsec(macsec)) => drop(macsec.agreement(body.0)),
            (KEY_AGREEMENT, Self::Unknown { .. }) => {
                let mut macsec = macsec::Macsec::default();
                if macsec.agreement(body.0).is_some() {
                    *self = Self::Macsec(macsec);
                }
            }
            _ => {}
        }
    }

    /// Reads a frame of MAC security.
    pub(crate) fn read_macsec(&mut self, tag: &[u8]) {
        if !matches!(self, Self::Macsec(_)) {
            *self = Self::Macsec(macsec::Macsec::default());
        }
        if let Self::Macsec(macsec) = self {
            macsec.frame(tag);
        }
    }

    /// Memory held by what is not finished.
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Tls { records, .. } => records.held(),
            Self::Dtls(dtls) => dtls.held(),
            Self::Quic(quic) => quic.held(),
            Self::OpcUa(opcua) => opcua.held(),
            Self::OpenVpn(reader) => reader.held(),
            Self::Radius(reader) => reader.held(),
            Self::Eap(reader) => reader.held(),
            Self::Over(Some(session), _) => session.held(),
            _ => 0,
        }
    }

    /// Turns what was learnt into a session.
    pub(crate) fn conclude(&mut self) {
        let mut gaps = Vec::new();
        let session = match std::mem::take(self) {
            Self::Unknown { application, .. } => {
                application.map(|application| Session::Plain { application })
            }
            Self::Tls { records, upgraded_from } => {
                if records.malformed {
                    gaps.push(Gap::Malformed);
                }
                Some(Session::Tls(Box::new(Tls { upgraded_from, handshake: records.handshake })))
            }
            Self::Dtls(dtls) => {
                if dtls.malformed {
                    gaps.push(Gap::Malformed);
                }
                Some(Session::Dtls(Box::new(Tls { upgraded_from: None, handshake: dtls.handshake })))
            }
            Self::Quic(mut quic) => {
                quic.finish();
                if quic.unopened > 0 && quic.handshake.is_empty() {
                    gaps.push(Gap::Unopened);
                }
                Some(Session::Quic(Box::new(Quic {
                    version: quic.version,
                    negotiable: quic.negotiable,
                    asked_again: quic.asked_again,
                    closed: quic.closed,
                    handshake: quic.handshake,
                    google: quic.google,
                })))
            }
            Self::Ssh(reader) => {
                if reader.malformed {
                    gaps.push(Gap::Malformed);
                }
                Some(Session::Ssh(Box::new(reader.ssh)))
            }
            Self::Ike(ike, _) => Some(Session::Ike(ike)),
            Self::Wireguard(wireguard) => Some(Session::Wireguard(wireguard)),
            Self::Snmp(snmp, _) => Some(Session::Snmp(snmp)),
            Self::OpcUa(opcua) => Some(Session::OpcUa(Box::new(opcua))),
            Self::Mqtt(mqtt) => Some(Session::Mqtt(mqtt)),
            Self::Dnp3(dnp3) => Some(Session::Dnp3(dnp3)),
            Self::Modbus(modbus) => Some(Session::Modbus(modbus)),
            Self::Macsec(macsec) => Some(Session::Macsec(macsec)),
            Self::Wifi(wifi) => Some(Session::Wifi(wifi)),
            Self::Radius(reader) => {
                if reader.malformed {
                    gaps.push(Gap::Malformed);
                }
                if reader.left_out {
                    gaps.push(Gap::BytesMissing);
                }
                Some(Session::Radius(Box::new(reader.into_session())))
            }
            Self::Eap(reader) => {
                if reader.malformed {
                    gaps.push(Gap::Malformed);
                }
                Some(Session::Eap(Box::new(reader.into_session())))
            }
            Self::OpenVpn(reader) => Some(Session::OpenVpn(Box::new(reader.into_session()))),
            Self::Over(session, known) => {
                gaps = known;
                session.map(|session| *session)
            }
        };
        if let Some(session) = &session {
            gaps.extend(session.gaps());
        }
        gaps.sort_unstable();
        gaps.dedup();
        *self = Self::Over(session.map(Box::new), gaps);
    }
}

/// Looks at bytes that begin a message of one side of a TCP connection.
fn look(bytes: &[u8], server_port: u16, application: Option<&'static str>, first: bool) -> Look {
    match tls::starts(bytes) {
        Start::Yes => {
            let upgraded_from = application;
            let conversation = Conversation::Tls { records: Box::default(), upgraded_from };
            return Look::Found(Recognised {
                conversation,
                speaker: tls_speaker(bytes.get(5).copied(), bytes),
            });
        }
        Start::Unclear => return Look::Wait,
        Start::No => {}
    }
    if ssh::starts(bytes) {
        return Look::Found(Recognised::new(Conversation::Ssh(Box::default())));
    }
    if bytes.len() < 4 {
        return Look::Wait;
    }
    if let Some(mqtt) = mqtt::read(bytes) {
        return Look::Found(Recognised::by(Conversation::Mqtt(mqtt), Side::Client));
    }
    if server_port == mqtt::PORT && mqtt::continues(bytes) {
        let middle = Session::Mqtt(mqtt::Mqtt::default());
        return Look::Found(Recognised::new(Conversation::Over(
            Some(Box::new(middle)),
            vec![Gap::ClientNotSeen],
        )));
    }
    if opcua::starts(bytes) {
        let speaker = opcua::speaker(bytes);
        return Look::Found(Recognised {
            conversation: Conversation::OpcUa(opcua::OpcUa::default()),
            speaker,
        });
    }
    if dnp3::starts(bytes) {
        return Look::Found(Recognised::new(Conversation::Dnp3(dnp3::Dnp3::default())));
    }
    if server_port == modbus::PORT && modbus::starts(bytes) {
        return Look::Found(Recognised::new(Conversation::Modbus(modbus::Modbus::default())));
    }
    if let Some((speaker, reader)) = openvpn::starts_stream(bytes) {
        return Look::Found(Recognised::by(Conversation::OpenVpn(Box::new(reader)), speaker));
    }
    // Caught in its middle: an encrypted record that ends where the bytes end or another begins.
    if first && let Some(len) = tls::later_record(bytes) {
        if bytes.len() < len {
            return Look::Wait;
        }
        if bytes.len() > len && tls::later_record(&bytes[len..]).is_none() {
            return Look::Nothing;
        }
        let mut records = tls::Records::default();
        records.read(Side::Client, bytes);
        return Look::Found(Recognised::new(Conversation::Tls {
            records: Box::new(records),
            upgraded_from: None,
        }));
    }
    Look::Nothing
}

/// Who sends a first handshake message.
fn tls_speaker(kind: Option<u8>, bytes: &[u8]) -> Option<Side> {
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        return Some(Side::Client); // SSL 2
    }
    match kind? {
        message::CLIENT_HELLO | message::CLIENT_KEY_EXCHANGE => Some(Side::Client),
        message::SERVER_HELLO | message::HELLO_VERIFY_REQUEST | message::SERVER_KEY_EXCHANGE => {
            Some(Side::Server)
        }
        _ => None,
    }
}

fn look_at_datagram(datagram: &[u8], ports: [u16; 2]) -> Option<Recognised> {
    if dtls::starts(datagram) {
        let speaker = tls_speaker(datagram.get(13).copied(), &[]);
        return Some(Recognised { conversation: Conversation::Dtls(Box::default()), speaker });
    }
    if quic::starts(datagram) {
        return Some(Recognised::new(Conversation::Quic(Box::default())));
    }
    if ike::starts(datagram) {
        let speaker = ike::sender(datagram);
        return Some(Recognised { conversation: Conversation::Ike(Box::default(), 0), speaker });
    }
    if wireguard::starts(datagram) {
        return Some(Recognised::new(Conversation::Wireguard(wireguard::Wireguard::default())));
    }
    if let Some(speaker) = radius::starts(datagram, ports) {
        return Some(Recognised::by(Conversation::Radius(Box::default()), speaker));
    }
    if snmp::read(datagram).is_some() {
        return Some(Recognised::new(Conversation::Snmp(snmp::Snmp::default(), 0)));
    }
    if let Some((speaker, reader)) = openvpn::starts(datagram) {
        return Some(Recognised::by(Conversation::OpenVpn(Box::new(reader)), speaker));
    }
    if ports.contains(&ike::NAT_TRAVERSAL_PORT) && ike::is_esp(datagram) {
        let esp = Conversation::Over(Some(Box::new(Session::Esp)), Vec::new());
        return Some(Recognised::new(esp));
    }
    dnp3::starts(datagram).then(|| Recognised::new(Conversation::Dnp3(dnp3::Dnp3::default())))
}
