//! Variants of Cascade: how many passes, and how large the blocks of each.

/// A variant of Cascade, by the name it has in the literature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Variant {
    /// Brassard and Salvail, EUROCRYPT '93.
    Original,
    /// Yan, Ren, Peng, Lin, Jiang, Liu, Guo, ICNC 2008.
    YanEtAl,
    /// Option (3) of Martinez-Mateo, Pacher, Peev, Ciurana, Martin, "Demystifying the information
    /// reconciliation protocol Cascade", 2015.
    Option3,
}

impl Variant {
    /// Every variant.
    pub const ALL: [Self; 3] = [Self::Original, Self::YanEtAl, Self::Option3];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::YanEtAl => "yanetal",
            Self::Option3 => "option3",
        }
    }

    /// The variant of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }

    /// Block sizes of the passes over `bits` bits with this error rate.
    pub(crate) fn block_sizes(self, bits: usize, error_rate: f64) -> Vec<usize> {
        let rate = error_rate.clamp(1e-6, 0.5);
        let half = half(bits);
        let sizes = match self {
            Self::Original => {
                let first = (0.73 / rate).ceil() as usize;
                vec![first, 2 * first, 4 * first, 8 * first]
            }
            Self::YanEtAl => {
                let first = (0.80 / rate).ceil() as usize;
                [vec![first, 5 * first], vec![half; 8]].concat()
            }
            Self::Option3 => {
                let first = (1.0 / rate).ceil() as usize;
                [vec![first, 2 * first], vec![half; 14]].concat()
            }
        };
        sizes.into_iter().map(|size| size.clamp(1, half)).collect()
    }
}

/// Half of the places that a shuffled pass over `bits` bits has: whole words, so that two blocks cover it and no
/// parity is told of what fills the last word up.
pub(crate) fn half(bits: usize) -> usize {
    bits.next_multiple_of(64).max(64) / 2
}
