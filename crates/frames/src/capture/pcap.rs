//! Records of the classic pcap format.

use pcap_parser::PcapHeader;
use pcap_parser::pcap::{
    parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

use super::Limits;
use super::decoder::Record;
use crate::error::CaptureError;
use crate::link::LinkType;

const FILE_HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;
/// The "modified" record header of old Linux kernels carries eight bytes more.
const MODIFIED_RECORD_HEADER_LEN: usize = 24;

/// A pcap file after its header.
#[derive(Debug)]
pub(super) struct Pcap {
    header: PcapHeader,
    link_type: LinkType,
}

impl Pcap {
    /// Reads the file header; `Err` is the number of bytes it needs.
    pub(super) fn open(window: &[u8]) -> Result<(Self, usize), usize> {
        let (_, header) = parse_pcap_header(window).map_err(|_| FILE_HEADER_LEN)?;
        // The upper half of the field holds FCS length and flags, not the link type.
        let link_type = LinkType((header.network.0 & 0xffff) as u16);
        Ok((Self { header, link_type }, FILE_HEADER_LEN))
    }

    pub(super) fn record(&self, window: &[u8], offset: u64, limits: &Limits) -> Result<Record, CaptureError> {
        let header_len =
            if self.header.is_modified_format() { MODIFIED_RECORD_HEADER_LEN } else { RECORD_HEADER_LEN };
        let Some(captured_len) = self.captured_len(window) else {
            return Ok(Record::Need(header_len));
        };
        if captured_len > limits.max_packet_len {
            return Err(CaptureError::TooLarge {
                offset,
                stated: captured_len.into(),
                limit: limits.max_packet_len.into(),
            });
        }
        let len = header_len + captured_len as usize;
        let parse = match (self.header.is_bigendian(), self.header.is_modified_format()) {
            (true, _) => parse_pcap_frame_be,
            (false, true) => parse_pcap_frame_modified,
            (false, false) => parse_pcap_frame,
        };
        let Ok((_, frame)) = parse(window) else {
            return Ok(Record::Need(len));
        };
        let unit_ns = if self.header.is_nanosecond_precision() { 1 } else { 1_000 };
        Ok(Record::Packet {
            len,
            data: header_len..len,
            timestamp_ns: Some(u64::from(frame.ts_sec) * 1_000_000_000 + u64::from(frame.ts_usec) * unit_ns),
            link_type: self.link_type,
            original_len: frame.origlen,
        })
    }

    /// The stated length, looked at before the parser is given a record of that length.
    fn captured_len(&self, window: &[u8]) -> Option<u32> {
        let field = *window.get(8..)?.first_chunk::<4>()?;
        Some(match self.header.is_bigendian() {
            true => u32::from_be_bytes(field),
            false => u32::from_le_bytes(field),
        })
    }
}
