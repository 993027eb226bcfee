//! GeoNetworking headers (ETSI EN 302 636-4-1 clause 9) and BTP (EN 302 636-5-1 clause 7).

use crate::take;

/// How a GeoNetworking packet travels: header type and subtype (table 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderType {
    /// A station announces itself.
    Beacon,
    /// To one station.
    GeoUnicast,
    /// To any one station in an area.
    GeoAnycast,
    /// To all stations in an area.
    GeoBroadcast,
    /// To the neighbours (CAM, SPATEM, MAPEM).
    SingleHopBroadcast,
    /// To all stations within a number of hops.
    TopologicallyScopedBroadcast,
    /// Asks where a station is.
    LocationServiceRequest,
    /// Says where a station is.
    LocationServiceReply,
}

/// Where the source says it was (long position vector, clause 9.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourcePosition {
    /// GeoNetworking address of the source.
    pub address: [u8; 8],
    /// Milliseconds since 2004-01-01 TAI, modulo 2³².
    pub timestamp_ms: u32,
    /// Latitude, in tenths of a microdegree, north positive.
    pub latitude_e7: i32,
    /// Longitude, in tenths of a microdegree, east positive.
    pub longitude_e7: i32,
}

/// What the headers in front of a facilities-layer message say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeonetPayload {
    /// How the packet travels.
    pub header_type: HeaderType,
    /// Where the source says it was.
    pub source: SourcePosition,
    /// Destination port of BTP-A or BTP-B (2001 CAM, 2002 DENM, 2003 MAPEM, 2004 SPATEM, …);
    /// `None` for packets without BTP.
    pub btp_port: Option<u16>,
    /// Where the facilities-layer message begins, in bytes from the begin of the common header.
    pub facilities_offset: usize,
    /// Length of the facilities-layer message, in bytes: as stated, or what is there if less.
    pub facilities_len: usize,
}

/// Reads common header, extended header and BTP header: the payload of a secured packet's SPDU,
/// or what follows the basic header of an unsecured packet.
///
/// `None` where a header is cut or of no known type.
#[must_use]
pub fn geonet_payload(bytes: &[u8]) -> Option<GeonetPayload> {
    let mut rest = bytes;
    let common = CommonHeader::read(&mut rest)?;
    let source = common.header_type.read_extended(&mut rest)?;
    rest = rest.get(..common.payload_len).unwrap_or(rest);
    let btp_port = match common.next_header {
        NextHeader::BtpA | NextHeader::BtpB => {
            let port = take::u16_be(&mut rest)?;
            take::skip(&mut rest, 2)?; // source port (A) or destination port info (B)
            Some(port)
        }
        NextHeader::Any | NextHeader::Ipv6 => None,
    };
    Some(GeonetPayload {
        header_type: common.header_type,
        source,
        btp_port,
        facilities_offset: offset_of(bytes, rest),
        facilities_len: rest.len(),
    })
}

/// What follows a basic header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    /// An SPDU up to the end of the frame: the basic header states no length.
    Secured(&'a [u8]),
    /// Common header up to the end of its payload.
    Unsecured(&'a [u8]),
}

/// Reads the basic header of a frame that is known to be GeoNetworking.
///
/// The version is not looked at: its nibble and the next one have kept their place since
/// V1.2.1, and a packet of a later version is better reported than passed over.
pub(crate) fn body(bytes: &[u8]) -> Option<Body<'_>> {
    const COMMON_HEADER: u8 = 1;
    const SECURED_PACKET: u8 = 2;
    let (&[version_and_next, _reserved, _lifetime, _hop_limit], rest) = bytes.split_first_chunk()?;
    match version_and_next & 0x0f {
        SECURED_PACKET => Some(Body::Secured(rest)),
        COMMON_HEADER => Some(Body::Unsecured(without_padding(rest)?)),
        _ => None,
    }
}

/// Reads the basic header of bytes that may or may not be GeoNetworking: the version must be
/// known (0 to 1), every reserved bit zero, the position on Earth, and the payload must end
/// where the bytes end.
pub(crate) fn plausible_body(bytes: &[u8]) -> Option<Body<'_>> {
    let body = body(bytes)?;
    let first_octets_fit = matches!(bytes, [0x00..=0x1f, 0, ..]);
    let plausible = match body {
        Body::Secured(spdu) => crate::spdu::plausible(spdu) || crate::spdu::plausible_legacy(spdu),
        Body::Unsecured(packet) => plausible_packet(packet) && bytes.len() == packet.len() + 4,
    };
    (first_octets_fit && plausible).then_some(body)
}

fn plausible_packet(packet: &[u8]) -> bool {
    let Some([next, _, _, flags, _, _, _, reserved]) = packet.first_chunk() else {
        return false;
    };
    let Some(payload) = geonet_payload(packet) else {
        return false;
    };
    next & 0x0f == 0
        && flags & 0x7f == 0
        && *reserved == 0
        && payload.source.latitude_e7.unsigned_abs() <= 900_000_000
        && payload.source.longitude_e7.unsigned_abs() <= 1_800_000_000
}

/// Cuts what lies behind the stated payload; keeps everything where the frame is shorter.
fn without_padding(packet: &[u8]) -> Option<&[u8]> {
    let mut rest = packet;
    let common = CommonHeader::read(&mut rest)?;
    common.header_type.read_extended(&mut rest)?;
    let stated = offset_of(packet, rest) + common.payload_len;
    Some(packet.get(..stated).unwrap_or(packet))
}

fn offset_of(whole: &[u8], rest: &[u8]) -> usize {
    rest.as_ptr() as usize - whole.as_ptr() as usize
}

enum NextHeader {
    Any,
    BtpA,
    BtpB,
    Ipv6,
}

/// Common header (clause 9.7): what is behind it, and how it travels.
struct CommonHeader {
    next_header: NextHeader,
    header_type: HeaderType,
    payload_len: usize,
}

impl CommonHeader {
    fn read(rest: &mut &[u8]) -> Option<Self> {
        let [next, kind, _class, _flags, high, low, _hops, _reserved] = take::take(rest)?;
        let next_header = match next >> 4 {
            0 => NextHeader::Any,
            1 => NextHeader::BtpA,
            2 => NextHeader::BtpB,
            3 => NextHeader::Ipv6,
            _ => return None,
        };
        let header_type = match (kind >> 4, kind & 0x0f) {
            (1, 0) => HeaderType::Beacon,
            (2, 0) => HeaderType::GeoUnicast,
            (3, 0..=2) => HeaderType::GeoAnycast,
            (4, 0..=2) => HeaderType::GeoBroadcast,
            (5, 0) => HeaderType::SingleHopBroadcast,
            (5, 1) => HeaderType::TopologicallyScopedBroadcast,
            (6, 0) => HeaderType::LocationServiceRequest,
            (6, 1) => HeaderType::LocationServiceReply,
            _ => return None,
        };
        let payload_len = u16::from_be_bytes([high, low]).into();
        Some(Self { next_header, header_type, payload_len })
    }
}

impl HeaderType {
    /// Reads the extended header (clause 9.8): in all of them the source's position stands
    /// first, or behind a sequence number and two reserved octets.
    fn read_extended(self, rest: &mut &[u8]) -> Option<SourcePosition> {
        const SHORT_POSITION_LEN: usize = 20;
        const AREA_LEN: usize = 16; // latitude, longitude, two distances, angle, reserved
        const ADDRESS_LEN: usize = 8;
        const MEDIA_DEPENDENT_LEN: usize = 4;
        let (before, after) = match self {
            Self::Beacon => (0, 0),
            Self::SingleHopBroadcast => (0, MEDIA_DEPENDENT_LEN),
            Self::TopologicallyScopedBroadcast => (4, 0),
            Self::GeoAnycast | Self::GeoBroadcast => (4, AREA_LEN),
            Self::LocationServiceRequest => (4, ADDRESS_LEN),
            Self::GeoUnicast | Self::LocationServiceReply => (4, SHORT_POSITION_LEN),
        };
        take::skip(rest, before)?;
        let source = SourcePosition::read(rest)?;
        take::skip(rest, after)?;
        Some(source)
    }
}

impl SourcePosition {
    fn read(rest: &mut &[u8]) -> Option<Self> {
        let position = Self {
            address: take::take(rest)?,
            timestamp_ms: take::u32_be(rest)?,
            latitude_e7: take::u32_be(rest)?.cast_signed(),
            longitude_e7: take::u32_be(rest)?.cast_signed(),
        };
        take::skip(rest, 4)?; // accuracy, speed, heading
        Some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Common header of `kind` (type and subtype) with BTP-B, then `extended`, port 2001 and CAM.
    fn packet(kind: u8, before: usize, after: usize) -> Vec<u8> {
        let mut bytes = vec![0x20, kind, 0, 0x80, 0, 7, 1, 0];
        bytes.extend(vec![0; before]);
        bytes.extend([1; 8]);
        bytes.extend(77u32.to_be_bytes());
        bytes.extend(525_200_000i32.to_be_bytes());
        bytes.extend((-1_000_000i32).to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(vec![0; after]);
        bytes.extend([0x07, 0xd1, 0, 0, 0xca, 0xfe, 0xed]);
        bytes
    }

    #[test]
    fn every_header_type_leads_to_the_facilities() {
        // Sizes of the extended headers without position vector: EN 302 636-4-1 clause 9.8.
        let cases = [
            (0x10, 0, 0, HeaderType::Beacon),
            (0x20, 4, 20, HeaderType::GeoUnicast),
            (0x32, 4, 16, HeaderType::GeoAnycast),
            (0x40, 4, 16, HeaderType::GeoBroadcast),
            (0x50, 0, 4, HeaderType::SingleHopBroadcast),
            (0x51, 4, 0, HeaderType::TopologicallyScopedBroadcast),
            (0x60, 4, 8, HeaderType::LocationServiceRequest),
            (0x61, 4, 20, HeaderType::LocationServiceReply),
        ];
        for (kind, before, after, header_type) in cases {
            let bytes = packet(kind, before, after);
            let payload = geonet_payload(&bytes).expect("headers");
            assert_eq!(payload.header_type, header_type);
            assert_eq!(payload.btp_port, Some(2001));
            assert_eq!(payload.source.address, [1; 8]);
            assert_eq!(payload.source.timestamp_ms, 77);
            assert_eq!(payload.source.latitude_e7, 525_200_000);
            assert_eq!(payload.source.longitude_e7, -1_000_000);
            assert_eq!(&bytes[payload.facilities_offset..], [0xca, 0xfe, 0xed]);
            assert_eq!(payload.facilities_len, 3);
            for cut in 0..bytes.len() - 3 {
                assert_eq!(geonet_payload(&bytes[..cut]), None, "{header_type:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn reserved_types_are_refused() {
        for kind in [0x00, 0x11, 0x21, 0x33, 0x43, 0x52, 0x62, 0x70] {
            assert_eq!(geonet_payload(&packet(kind, 4, 20)), None, "{kind:#x}");
        }
    }

    #[test]
    fn padding_behind_an_unsecured_packet_is_cut() {
        let mut bytes = vec![0x11, 0, 0x1a, 1];
        bytes.extend(packet(0x50, 0, 4));
        let len = bytes.len();
        assert!(plausible_body(&bytes).is_some());
        bytes.extend([0; 9]);
        assert_eq!(body(&bytes), Some(Body::Unsecured(&bytes[4..len])));
        assert_eq!(plausible_body(&bytes), None, "a guess may leave nothing over");
    }
}
