//! Capture files, in either byte order.

use frames::LinkType;

/// Writes captures of either byte order.
#[derive(Clone, Copy)]
pub struct Writer {
    pub big_endian: bool,
}

impl Writer {
    pub fn u16(self, value: u16) -> [u8; 2] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub fn u32(self, value: u32) -> [u8; 4] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    /// Frame number `i` is captured at 1,700,000,000 s and `i` units.
    pub fn pcap(self, nanoseconds: bool, link_type: LinkType, frames: &[Vec<u8>]) -> Vec<u8> {
        let mut file = self.u32(if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
        file.extend(self.u16(2));
        file.extend(self.u16(4));
        file.extend([0; 8]);
        file.extend(self.u32(65_535));
        file.extend(self.u32(link_type.0.into()));
        for (i, frame) in (1u32..).zip(frames) {
            for field in [1_700_000_000, i, frame.len() as u32, frame.len() as u32] {
                file.extend(self.u32(field));
            }
            file.extend(frame);
        }
        file
    }

    pub fn section(self) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    /// An interface with options: each a code and a value.
    pub fn interface(self, link_type: LinkType, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = self.u16(link_type.0).to_vec();
        body.extend([0, 0]);
        body.extend(self.u32(snaplen));
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(value.len() as u16));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &body)
    }

    pub fn enhanced(self, interface: u32, time: u64, frame: &[u8]) -> Vec<u8> {
        let len = frame.len() as u32;
        let mut body = Vec::new();
        for field in [interface, (time >> 32) as u32, time as u32, len, len] {
            body.extend(self.u32(field));
        }
        body.extend(frame);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.u16(1)); // a comment
        body.extend(self.u16(2));
        body.extend(*b"hi\0\0");
        body.extend([0; 4]);
        self.block(6, &body)
    }

    pub fn simple(self, original_len: u32, captured: &[u8]) -> Vec<u8> {
        let mut body = self.u32(original_len).to_vec();
        body.extend(captured);
        self.block(3, &body)
    }

    pub fn obsolete(self, interface: u16, time: u64, frame: &[u8]) -> Vec<u8> {
        let mut body = self.u16(interface).to_vec();
        body.extend(self.u16(0));
        let len = frame.len() as u32;
        for field in [(time >> 32) as u32, time as u32, len, len] {
            body.extend(self.u32(field));
        }
        body.extend(frame);
        self.block(2, &body)
    }

    pub fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let len = body.len().next_multiple_of(4);
        let total = self.u32(len as u32 + 12);
        let mut block = [self.u32(kind), total].concat();
        block.extend(body);
        block.resize(8 + len, 0);
        block.extend(total);
        block
    }

    /// One section with one interface for each frame.
    pub fn pcapng(self, frames: &[(LinkType, Vec<u8>)]) -> Vec<u8> {
        let mut file = self.section();
        for (link_type, _) in frames {
            file.extend(self.interface(*link_type, 0, &[]));
        }
        for (i, (_, frame)) in (0u32..).zip(frames) {
            file.extend(self.enhanced(i, 1_700_000_000_000_000 + u64::from(i), frame));
        }
        file
    }
}
