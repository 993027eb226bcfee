//! Blocks of the pcapng format.
//!
//! Only blocks that matter are parsed (section header, interface description, and the three
//! kinds of packet); all others are stepped over by their length, so that a strange name
//! resolution block costs nothing. Lengths are checked here before the parser sees a block.

use pcap_parser::pcapng::{Block, OptionCode, parse_block_be, parse_block_le, parse_sectionheaderblock};

use super::Limits;
use super::decoder::Record;
use crate::error::{CaptureError, Damage};
use crate::link::LinkType;
use crate::take;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Type, length and trailing length: the least a block can be.
const MIN_BLOCK_LEN: u32 = 12;
/// Block type, length, interface, time (two words), captured and original length.
const PACKET_DATA: usize = 28;
const SIMPLE_PACKET_DATA: usize = 12;

/// What a section has told so far.
#[derive(Debug, Default)]
pub(super) struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link_type: LinkType,
    /// 0 means no limit.
    snaplen: u32,
    /// The `if_tsresol` octet: power of ten, or of two with the top bit set.
    resolution: u8,
    offset_s: i64,
}

/// A block that is all there and whose two lengths agree.
struct Whole<'a> {
    bytes: &'a [u8],
    offset: u64,
}

impl Section {
    pub(super) fn block(
        &mut self,
        window: &[u8],
        offset: u64,
        limits: &Limits,
    ) -> Result<Record, CaptureError> {
        let damaged = |damage| CaptureError::Damaged { offset, damage };
        let Some(head) = window.first_chunk::<12>() else {
            return Ok(Record::Need(MIN_BLOCK_LEN as usize));
        };
        let [a, b, c, d, e, f, g, h, magic @ ..] = *head;
        let mut kind = self.word([a, b, c, d]);
        if [a, b, c, d] == SECTION_HEADER.to_be_bytes() {
            kind = SECTION_HEADER;
            self.big_endian = match magic {
                [0x1a, 0x2b, 0x3c, 0x4d] => true,
                [0x4d, 0x3c, 0x2b, 0x1a] => false,
                _ => return Err(damaged(Damage::BlockContent)),
            };
        }
        let stated = self.word([e, f, g, h]);
        if stated < MIN_BLOCK_LEN || !stated.is_multiple_of(4) {
            return Err(damaged(Damage::BlockLength));
        }
        if stated > limits.max_block_len {
            let limit = limits.max_block_len.into();
            return Err(CaptureError::TooLarge { offset, stated: stated.into(), limit });
        }
        let len = stated as usize;
        let Some(bytes) = window.get(..len) else {
            return Ok(Record::Need(len));
        };
        if bytes.last_chunk() != Some(&[e, f, g, h]) {
            return Err(damaged(Damage::TrailingLength));
        }
        self.read(kind, Whole { bytes, offset }, limits)
    }

    fn read(&mut self, kind: u32, block: Whole<'_>, limits: &Limits) -> Result<Record, CaptureError> {
        let len = block.bytes.len();
        match kind {
            SECTION_HEADER => {
                parse_sectionheaderblock(block.bytes).map_err(|_| block.damaged(Damage::BlockContent))?;
                self.interfaces.clear();
            }
            INTERFACE_DESCRIPTION => self.describe(&block, limits)?,
            ENHANCED_PACKET => return self.enhanced(&block, limits),
            SIMPLE_PACKET => return self.simple(&block, limits),
            OBSOLETE_PACKET => return self.obsolete(&block, limits),
            _ => {}
        }
        Ok(Record::Other(len))
    }

    fn describe(&mut self, block: &Whole<'_>, limits: &Limits) -> Result<(), CaptureError> {
        if self.interfaces.len() >= limits.max_interfaces {
            return Err(CaptureError::TooLarge {
                offset: block.offset,
                stated: self.interfaces.len() as u64 + 1,
                limit: limits.max_interfaces as u64,
            });
        }
        let Block::InterfaceDescription(description) = self.parse(block)? else {
            return Err(block.damaged(Damage::BlockContent));
        };
        // The parser reads if_tsoffset as little-endian whatever the section says.
        let offset_s = description
            .options
            .iter()
            .find(|option| option.code == OptionCode::IfTsoffset)
            .and_then(|option| option.value.first_chunk::<8>())
            .map_or(0, |raw| match self.big_endian {
                true => i64::from_be_bytes(*raw),
                false => i64::from_le_bytes(*raw),
            });
        self.interfaces.push(Interface {
            link_type: LinkType(description.linktype.0 as u16),
            snaplen: description.snaplen,
            resolution: description.if_tsresol,
            offset_s,
        });
        Ok(())
    }

    fn enhanced(&self, block: &Whole<'_>, limits: &Limits) -> Result<Record, CaptureError> {
        let Block::EnhancedPacket(packet) = self.parse(block)? else {
            return Err(block.damaged(Damage::BlockContent));
        };
        let interface = self.interface(packet.if_id, block)?;
        let time = (u64::from(packet.ts_high) << 32) | u64::from(packet.ts_low);
        block.packet(PACKET_DATA, packet.caplen, packet.origlen, limits, interface, Some(time))
    }

    fn simple(&self, block: &Whole<'_>, limits: &Limits) -> Result<Record, CaptureError> {
        let Block::SimplePacket(packet) = self.parse(block)? else {
            return Err(block.damaged(Damage::BlockContent));
        };
        let interface = self.interface(0, block)?;
        let captured_len = match interface.snaplen {
            0 => packet.origlen,
            snaplen => packet.origlen.min(snaplen),
        };
        block.packet(SIMPLE_PACKET_DATA, captured_len, packet.origlen, limits, interface, None)
    }

    /// The packet block of early drafts, which the parser does not know.
    fn obsolete(&self, block: &Whole<'_>, limits: &Limits) -> Result<Record, CaptureError> {
        let mut rest = block.bytes.get(8..).unwrap_or_default();
        let (interface, captured_len, original_len, time) = (|| {
            let [a, b, _, _] = take::take(&mut rest)?;
            let id = match self.big_endian {
                true => u16::from_be_bytes([a, b]),
                false => u16::from_le_bytes([a, b]),
            };
            let mut next = || take::take(&mut rest).map(|word| self.word(word));
            let (high, low, captured_len, original_len) = (next()?, next()?, next()?, next()?);
            Some((id, captured_len, original_len, (u64::from(high) << 32) | u64::from(low)))
        })()
        .ok_or_else(|| block.damaged(Damage::BlockLength))?;
        let interface = self.interface(interface.into(), block)?;
        block.packet(PACKET_DATA, captured_len, original_len, limits, interface, Some(time))
    }

    fn parse<'a>(&self, block: &Whole<'a>) -> Result<Block<'a>, CaptureError> {
        let parse = if self.big_endian { parse_block_be } else { parse_block_le };
        match parse(block.bytes) {
            Ok((_, parsed)) => Ok(parsed),
            Err(_) => Err(block.damaged(Damage::BlockContent)),
        }
    }

    fn interface(&self, id: u32, block: &Whole<'_>) -> Result<Interface, CaptureError> {
        let found = self.interfaces.get(id as usize).copied();
        found.ok_or_else(|| block.damaged(Damage::UnknownInterface))
    }

    fn word(&self, bytes: [u8; 4]) -> u32 {
        match self.big_endian {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        }
    }
}

impl Whole<'_> {
    fn damaged(&self, damage: Damage) -> CaptureError {
        CaptureError::Damaged { offset: self.offset, damage }
    }

    fn packet(
        &self,
        begin: usize,
        captured_len: u32,
        original_len: u32,
        limits: &Limits,
        interface: Interface,
        time: Option<u64>,
    ) -> Result<Record, CaptureError> {
        if captured_len > limits.max_packet_len {
            return Err(CaptureError::TooLarge {
                offset: self.offset,
                stated: captured_len.into(),
                limit: limits.max_packet_len.into(),
            });
        }
        let len = self.bytes.len();
        let end = begin + captured_len as usize;
        if end > len - 4 {
            return Err(self.damaged(Damage::PacketLength));
        }
        Ok(Record::Packet {
            len,
            data: begin..end,
            timestamp_ns: time.and_then(|time| interface.nanoseconds(time)),
            link_type: interface.link_type,
            original_len,
        })
    }
}

impl Interface {
    /// Converts a count of the interface's units to nanoseconds since 1970.
    fn nanoseconds(&self, time: u64) -> Option<u64> {
        let exponent = u32::from(self.resolution & 0x7f);
        let time = u128::from(time);
        let ns = match (self.resolution & 0x80 != 0, exponent) {
            (true, _) => (time * 1_000_000_000).checked_shr(exponent).unwrap_or(0),
            (false, 0..=9) => time * 10u128.pow(9 - exponent),
            (false, _) => 10u128.checked_pow(exponent - 9).map_or(0, |unit| time / unit),
        };
        let offset_ns = i128::from(self.offset_s) * 1_000_000_000;
        let total = i128::try_from(ns).ok()?.checked_add(offset_ns)?;
        u64::try_from(total).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(resolution: u8, offset_s: i64) -> Interface {
        Interface { link_type: LinkType::ETHERNET, snaplen: 0, resolution, offset_s }
    }

    #[test]
    fn time_units_become_nanoseconds() {
        assert_eq!(interface(6, 0).nanoseconds(1_500_001), Some(1_500_001_000));
        assert_eq!(interface(9, 0).nanoseconds(7), Some(7));
        assert_eq!(interface(0, 10).nanoseconds(5), Some(15_000_000_000));
        assert_eq!(interface(12, 0).nanoseconds(9_999), Some(9));
        assert_eq!(interface(0x80 | 10, 0).nanoseconds(1024 + 512), Some(1_500_000_000));
        assert_eq!(interface(127, 0).nanoseconds(u64::MAX), Some(0));
        assert_eq!(interface(0xff, 0).nanoseconds(u64::MAX), Some(0));
    }

    #[test]
    fn time_outside_a_u64_is_no_time() {
        assert_eq!(interface(0, 0).nanoseconds(u64::MAX), None);
        assert_eq!(interface(6, -10).nanoseconds(5_000_000), None);
        assert_eq!(interface(6, i64::MIN).nanoseconds(0), None);
    }
}
