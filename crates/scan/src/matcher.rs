//! The one-pass matcher over bytes in memory.

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The octets.
    pub pattern: Vec<u8>,
    /// The only offset where they count; `None` for anywhere.
    pub at: Option<u64>,
}

/// A signature and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Index of the signature.
    pub signature: usize,
    /// Of its first octet.
    pub offset: u64,
}

/// All signatures, compiled into one automaton.
pub struct Matcher {
    automaton: AhoCorasick,
    /// Index of the signature of each pattern in the automaton.
    floating: Vec<usize>,
    fixed: Vec<(usize, u64, Vec<u8>)>,
    longest: usize,
    max_hits: usize,
    signatures: usize,
}

impl Matcher {
    /// Compiles `signatures`; of each, the first `max_hits` offsets are reported.
    ///
    /// # Errors
    /// The automaton would be too large. An empty pattern is never found.
    pub fn new(signatures: &[Signature], max_hits: usize) -> Result<Self, BuildError> {
        let (mut floating, mut patterns, mut fixed) = (Vec::new(), Vec::new(), Vec::new());
        for (index, signature) in signatures.iter().enumerate() {
            match signature.at {
                _ if signature.pattern.is_empty() => {}
                Some(at) => fixed.push((index, at, signature.pattern.clone())),
                None => {
                    floating.push(index);
                    patterns.push(&signature.pattern);
                }
            }
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard) // signatures may overlap
            .kind(Some(AhoCorasickKind::DFA))
            .build(&patterns)?;
        let longest = patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0);
        Ok(Self { automaton, floating, fixed, longest, max_hits, signatures: signatures.len() })
    }

    /// Every hit in `data`, by signature and offset.
    #[must_use]
    pub fn scan(&self, data: &[u8]) -> Vec<Hit> {
        let mut search = self.search();
        search.feed(data, 0, 0);
        search.finish()
    }

    /// Starts a search over data that comes in pieces.
    pub(crate) fn search(&self) -> Search<'_> {
        Search { matcher: self, counts: vec![0; self.signatures], hits: Vec::new() }
    }

    /// Octets of one piece that must be shown again with the next, so that nothing is cut in two.
    pub(crate) fn overlap(&self) -> usize {
        self.longest.saturating_sub(1)
    }
}

pub(crate) struct Search<'a> {
    matcher: &'a Matcher,
    counts: Vec<usize>,
    hits: Vec<Hit>,
}

impl Search<'_> {
    /// Looks through `piece`, which stands at `offset` and whose first `seen` octets were in the piece before.
    pub(crate) fn feed(&mut self, piece: &[u8], offset: u64, seen: usize) {
        let matcher = self.matcher;
        for (signature, at, pattern) in &matcher.fixed {
            let end = at + pattern.len() as u64;
            let new = end > offset + seen as u64; // else it was found in the piece before
            if *at >= offset
                && new
                && piece.get((at - offset) as usize..).is_some_and(|rest| rest.starts_with(pattern))
            {
                self.hits.push(Hit { signature: *signature, offset: *at });
            }
        }
        for found in matcher.automaton.find_overlapping_iter(piece) {
            if found.end() <= seen {
                continue;
            }
            let signature = matcher.floating[found.pattern().as_usize()];
            if self.counts[signature] < matcher.max_hits {
                self.counts[signature] += 1;
                self.hits.push(Hit { signature, offset: offset + found.start() as u64 });
            }
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Hit> {
        self.hits.sort_unstable();
        self.hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(patterns: &[(&[u8], Option<u64>)]) -> Matcher {
        let signatures: Vec<_> =
            patterns.iter().map(|(pattern, at)| Signature { pattern: pattern.to_vec(), at: *at }).collect();
        Matcher::new(&signatures, 3).expect("small")
    }

    #[test]
    fn overlapping_and_fixed_signatures_are_found() {
        let matcher =
            matcher(&[(b"abc", None), (b"bcd", None), (b"ab", Some(0)), (b"bc", Some(0)), (b"", None)]);
        let hits: Vec<_> = matcher.scan(b"abcd").iter().map(|hit| (hit.signature, hit.offset)).collect();
        assert_eq!(hits, [(0, 0), (1, 1), (2, 0)]);
    }

    #[test]
    fn hits_of_one_signature_are_bounded() {
        assert_eq!(matcher(&[(b"a", None)]).scan(&[b'a'; 100]).len(), 3);
    }

    #[test]
    fn pieces_give_what_the_whole_gives() {
        let matcher =
            matcher(&[(b"abc", None), (b"cab", None), (b"b", None), (b"bca", Some(4)), (b"xab", Some(0))]);
        let data = b"xabcabcabxabc";
        let whole = matcher.scan(data);
        for size in 1..data.len() {
            let (mut search, mut held, mut offset) = (matcher.search(), Vec::new(), 0_u64);
            for piece in data.chunks(size) {
                let seen = held.len();
                held.extend_from_slice(piece);
                search.feed(&held, offset, seen);
                let keep = matcher.overlap().min(held.len());
                offset += (held.len() - keep) as u64;
                held.drain(..held.len() - keep);
            }
            assert_eq!(search.finish(), whole, "pieces of {size}");
        }
    }
}
