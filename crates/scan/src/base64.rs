//! Base64 as PEM wraps it.

use base64ct::{Base64, Encoding};
use memchr::memchr_iter;

/// The octets of well-formed base64 in lines of any length; `None` for anything else in it.
///
/// Source: RFC 7468 §3.
#[must_use]
pub fn base64_lines(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut start = 0;
    for end in memchr_iter(b'\n', text).chain([text.len()]) {
        octets.extend_from_slice(text[start..end].trim_ascii());
        start = (end + 1).min(text.len());
    }
    let length = Base64::decode_in_place(&mut octets).ok()?.len();
    octets.truncate(length);
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::base64_lines;

    #[test]
    fn lines_of_any_length_and_ending_are_one_text() {
        for text in ["AAECAwQF", "AAEC\nAwQF\n", "\r\nAAE\r\nCAwQ\r\nF\r\n", " AA\t\n ECAwQF"] {
            assert_eq!(base64_lines(text.as_bytes()).as_deref(), Some(&[0, 1, 2, 3, 4, 5][..]), "{text:?}");
        }
        assert_eq!(base64_lines(b"AAECAw==").as_deref(), Some(&[0, 1, 2, 3][..]));
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["AAEC:", "AAECAw", "AAECAw=", "AA==AAEC", "\\nAAEC", "AAE\u{fe}", "A-_C", "AA EC"] {
            assert_eq!(base64_lines(text.as_bytes()), None, "{text:?}");
        }
    }
}
