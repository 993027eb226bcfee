//! Reading fields off the front of a slice; what is not there is `None`, never a panic.

/// A position in received bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// As many as there are, up to `count`: what a cut capture has left of a field.
    pub(crate) fn at_most(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head
    }

    pub(crate) fn skip(&mut self, count: usize) -> Option<()> {
        self.bytes(count).map(|_| ())
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub(crate) fn u24(&mut self) -> Option<usize> {
        self.take().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]) as usize)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn u32_le(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// A field behind its length in one octet.
    pub(crate) fn vector_8(&mut self) -> Option<Self> {
        let len = self.u8()?;
        self.bytes(len.into()).map(Cursor)
    }

    /// A field behind its length in two octets.
    pub(crate) fn vector_16(&mut self) -> Option<Self> {
        let len = self.u16()?;
        self.bytes(len.into()).map(Cursor)
    }

    /// A field behind its length in four octets.
    pub(crate) fn vector_32(&mut self) -> Option<Self> {
        let len = self.u32()?;
        self.bytes(usize::try_from(len).ok()?).map(Cursor)
    }

    /// As [`vector_16`](Self::vector_16), or what a cut leaves of it.
    pub(crate) fn lax_vector_16(&mut self) -> Option<Self> {
        let len = self.u16()?;
        Some(Cursor(self.at_most(len.into())))
    }

    /// Everything as numbers of two octets; an odd last octet is dropped.
    pub(crate) fn u16_list(mut self) -> Vec<u16> {
        std::iter::from_fn(|| self.u16()).collect()
    }
}

/// Text of a peer, for people: printable ASCII, at most `limit` characters.
pub(crate) fn printable(bytes: &[u8], limit: usize) -> String {
    let shown =
        |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '\u{fffd}' };
    bytes.iter().take(limit).map(shown).collect()
}
