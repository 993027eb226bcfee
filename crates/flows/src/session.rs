//! What is reported of a flow.

use serde::Serialize;

pub use crate::dissect::dnp3::Dnp3;
pub use crate::dissect::eap::Eap;
pub use crate::dissect::ike::{Ike, Transform};
pub use crate::dissect::macsec::Macsec;
pub use crate::dissect::modbus::Modbus;
pub use crate::dissect::mqtt::{Acknowledgement, Mqtt};
pub use crate::dissect::opcua::OpcUa;
pub use crate::dissect::openvpn::OpenVpn;
pub use crate::dissect::quic::google::GoogleHello;
pub use crate::dissect::radius::Radius;
pub use crate::dissect::snmp::Snmp;
pub use crate::dissect::ssh::{Disconnect, Proposal, Ssh};
pub use crate::dissect::tls::handshake::{Alert, Handshake};
pub use crate::dissect::tls::hello::{ClientHello, ServerHello};
pub use crate::dissect::v2x::Broadcast;
pub use crate::dissect::wifi::Wifi;
pub use crate::dissect::wireguard::Wireguard;

/// One flow of a capture: a connection of TCP, an association of SCTP, or the datagrams between two sockets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// `tcp`, `udp`, `udp-lite`, `dccp`, `sctp`, `ip`, or `link` between stations of a local network.
    pub transport: &'static str,
    /// Address of who opened it, as far as that is known.
    pub client: String,
    /// Its port.
    pub client_port: u16,
    /// Address of the other end.
    pub server: String,
    /// Its port.
    pub server_port: u16,
    /// The innermost tunnel it came through: `gtp-u`, `vxlan`, `geneve`, `gre`, `erspan`, `pptp`, `l2tp`, `ip-in-ip`,
    /// `ethernet-in-ip`, `mpls`, `teredo`, `tzsp`.
    pub tunnel: Option<&'static str>,
    /// Its first frame in the capture, from 1.
    pub first_frame: u64,
    /// Its packets.
    pub packets: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Whether packets of both directions were seen.
    pub both_directions: bool,
    /// The server closed the connection without having said anything.
    pub unanswered: bool,
    /// What it speaks; `None` where that was not recognised.
    pub session: Option<Session>,
    /// What could not be seen of it.
    pub gaps: Vec<Gap>,
}

/// What could not be seen of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// Bytes of the handshake are missing from the capture.
    BytesMissing,
    /// Something stands in it that breaks the protocol.
    Malformed,
    /// The client's part of the handshake was not captured.
    ClientNotSeen,
    /// The server's part of the handshake was not captured.
    ServerNotSeen,
    /// The handshake is encrypted under a key that stands in packets before the capture.
    Unopened,
}

/// What a flow speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "protocol", rename_all = "kebab-case")]
pub enum Session {
    /// TLS over TCP.
    Tls(Box<Tls>),
    /// TLS over datagrams.
    Dtls(Box<Tls>),
    /// QUIC.
    Quic(Box<Quic>),
    /// Secure Shell.
    Ssh(Box<Ssh>),
    /// Internet Key Exchange.
    Ike(Box<Ike>),
    /// WireGuard.
    Wireguard(Wireguard),
    /// Simple Network Management Protocol.
    Snmp(Snmp),
    /// MQTT in clear.
    Mqtt(Mqtt),
    /// OPC UA over its own transport.
    OpcUa(Box<OpcUa>),
    /// DNP3.
    Dnp3(Dnp3),
    /// Modbus over TCP.
    Modbus(Modbus),
    /// OpenVPN.
    #[serde(rename = "openvpn")]
    OpenVpn(Box<OpenVpn>),
    /// A protocol of text that stays in clear.
    Plain {
        /// Which: `http`, `smtp`, `ftp`, `telnet`, …
        application: &'static str,
    },
    /// Encrypted packets of IPsec; how, IKE says.
    Esp,
    /// Access control of a local network (IEEE 802.1X).
    Eap(Box<Eap>),
    /// RADIUS, and the EAP in it.
    Radius(Box<Radius>),
    /// MAC security.
    Macsec(Macsec),
    /// The handshake of a radio network's keys.
    Wifi(Wifi),
    /// Authenticated packets of IPsec.
    Ah,
    /// Secured messages of vehicles and roadside; they are counted as [`Broadcast`]s.
    V2x,
}

/// TLS or DTLS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// What was spoken in clear before TLS took over the connection: `smtp`, `http-proxy`, ….
    pub upgraded_from: Option<&'static str>,
    /// The handshake.
    pub handshake: Handshake,
}

/// QUIC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Quic {
    /// Version as it stands in the packets; Google's are four letters.
    pub version: u32,
    /// What a Version Negotiation packet offered.
    pub negotiable: Vec<u32>,
    /// The last word of the server was a Retry packet.
    pub asked_again: bool,
    /// Code of a CONNECTION_CLOSE frame that is none of an alert.
    pub closed: Option<u64>,
    /// The TLS handshake in its Initial packets.
    pub handshake: Handshake,
    /// Google's handshake of before.
    pub google: Option<GoogleHello>,
}

impl Session {
    pub(crate) fn held(&self) -> usize {
        match self {
            Self::Tls(tls) | Self::Dtls(tls) => tls.handshake.held(),
            Self::Quic(quic) => quic.handshake.held(),
            Self::OpcUa(opcua) => opcua.held(),
            Self::Eap(eap) => eap.held(),
            Self::Radius(radius) => radius.conversations.iter().map(Eap::held).sum(),
            _ => 0,
        }
    }

    /// Which side's part is missing.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = Gap> {
        let (client, server) = match self {
            Self::Tls(tls) | Self::Dtls(tls) => seen(&tls.handshake),
            Self::Quic(quic) if quic.google.is_none() => {
                let (client, server) = seen(&quic.handshake);
                (client, server || quic.asked_again || !quic.negotiable.is_empty() || quic.closed.is_some())
            }
            Self::OpenVpn(openvpn) => openvpn.handshake.as_ref().map_or((true, true), seen),
            Self::Eap(eap) => eap.handshake.as_ref().map_or((true, true), seen),
            Self::Ssh(ssh) => (ssh.client.is_some(), ssh.server.is_some()),
            Self::Ike(ike) => (
                !ike.proposed.is_empty() || ike.initiator_group.is_some(),
                !ike.chosen.is_empty()
                    || ike.responder_group.is_some()
                    || ike.wanted_group.is_some()
                    || ike.refusal.is_some()
                    || !ike.cookie.is_empty(),
            ),
            Self::Wifi(wifi) => (!wifi.key_management.is_empty(), true),
            Self::Mqtt(mqtt) => (mqtt.level != 0, mqtt.level == 0 || mqtt.acknowledgement.is_some()),
            _ => (true, true),
        };
        [(client, Gap::ClientNotSeen), (server, Gap::ServerNotSeen)]
            .into_iter()
            .filter_map(|(seen, gap)| (!seen).then_some(gap))
    }
}

fn seen(handshake: &Handshake) -> (bool, bool) {
    (handshake.client.as_ref().is_some_and(|client| !client.cut), handshake.server_seen())
}
