//! Who takes part in access control on a local network (IEEE 802.1X), where both ends may write to a group address.

use crate::dissect::eap;
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

impl Stations {
    /// Source and destination of a frame: the peer by its own address, the authenticator as the group.
    pub(crate) fn ends(
        &mut self,
        stations: Option<([u8; 6], [u8; 6])>,
        frame: &[u8],
    ) -> Option<(Address, Address)> {
        const EAP: u8 = 0;
        const START: u8 = 1;
        const LOGOFF: u8 = 2;
        const KEY_AGREEMENT: u8 = 5;
        let (source, destination) = stations.unwrap_or_default();
        let &[_version, kind, _, _] = frame.first_chunk()?;
        let from = match kind {
            EAP => eap::sender(&frame[4..])?,
            START | LOGOFF | KEY_AGREEMENT => Side::Client,
            _ => return None, // keys of a radio network, announcements
        };
        let group = Address::Station(PORTS);
        match from {
            Side::Client => {
                self.last_peer = Some(source);
                Some((Address::Station(source), group))
            }
            Side::Server => {
                let is_group = destination[0] & 1 != 0;
                // A request to the group before any peer spoke asks who is there.
                let peer = if is_group { self.last_peer? } else { destination };
                Some((group, Address::Station(peer)))
            }
        }
    }

    /// Whether an address stands for the authenticator.
    pub(crate) fn is_group(address: &Address) -> bool {
        *address == Address::Station(PORTS)
    }
}
