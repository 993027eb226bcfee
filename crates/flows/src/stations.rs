//! Who takes part in access control on a local network (IEEE 802.1X), where both ends may write to a group address.

use crate::dissect::{eap, wifi};
use crate::network::Address;
use crate::side::Side;

/// The group that ports listen to (IEEE 802.1X-2020 clause 11.1.1): stands for the authenticator, whose own address
/// is not known to who opens a conversation.
const PORTS: [u8; 6] = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x03];

/// Keeps the two ends of a conversation apart.
#[derive(Debug, Default)]
pub(crate) struct Stations {
    /// The peer that spoke last: an authenticator that answers a group answers it.
    last_peer: Option<[u8; 6]>,
}

/// Where a frame of access control goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub source: Address,
    pub destination: Address,
    pub from_authenticator: bool,
}

impl Stations {
    /// Source and destination of a frame: the peer by its own address; the authenticator by its own, too, where no
    /// group address may stand for it.
    pub(crate) fn ends(
        &mut self,
        stations: Option<([u8; 6], [u8; 6])>,
        frame: &[u8],
        is_radio: bool,
    ) -> Option<Ends> {
        const EAP: u8 = 0;
        const START: u8 = 1;
        const LOGOFF: u8 = 2;
        const KEY: u8 = 3;
        const KEY_AGREEMENT: u8 = 5;
        let (source, destination) = stations.unwrap_or_default();
        let &[_version, kind, _, _] = frame.first_chunk()?;
        let from = match kind {
            EAP => eap::sender(&frame[4..])?,
            KEY => wifi::sender(&frame[4..])?,
            START | LOGOFF | KEY_AGREEMENT => Side::Client,
            _ => return None, // announcements
        };
        let authenticator = |own: [u8; 6]| Address::Station(if is_radio { own } else { PORTS });
        Some(match from {
            Side::Client => {
                self.last_peer = Some(source);
                Ends {
                    source: Address::Station(source),
                    destination: authenticator(destination),
                    from_authenticator: false,
                }
            }
            Side::Server => {
                let is_group = destination[0] & 1 != 0;
                // A request to the group before any peer spoke asks who is there.
                let peer = if is_group { self.last_peer? } else { destination };
                Ends {
                    source: authenticator(source),
                    destination: Address::Station(peer),
                    from_authenticator: true,
                }
            }
        })
    }
}
