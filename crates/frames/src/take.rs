//! Reading integers off the front of a slice, without ever reading past its end.

/// Splits `N` bytes off the front, or leaves `bytes` alone and answers `None`.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

/// Drops `count` bytes off the front.
pub(crate) fn skip(bytes: &mut &[u8], count: usize) -> Option<()> {
    *bytes = bytes.get(count..)?;
    Some(())
}

/// One byte off the front.
pub(crate) fn u8(bytes: &mut &[u8]) -> Option<u8> {
    take::<1>(bytes).map(|[byte]| byte)
}

/// Two bytes off the front, most significant first.
pub(crate) fn u16_be(bytes: &mut &[u8]) -> Option<u16> {
    take(bytes).map(u16::from_be_bytes)
}

/// Two bytes off the front, least significant first.
pub(crate) fn u16_le(bytes: &mut &[u8]) -> Option<u16> {
    take(bytes).map(u16::from_le_bytes)
}

/// Four bytes off the front, most significant first.
pub(crate) fn u32_be(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).map(u32::from_be_bytes)
}

/// Four bytes off the front, least significant first.
pub(crate) fn u32_le(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).map(u32::from_le_bytes)
}
