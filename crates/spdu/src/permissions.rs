//! What a certificate allows: PSIDs, service specific permissions, and the right to hand them on
//! (IEEE 1609.2 clauses 6.4.28 to 6.4.35 and 5.2.4).

use crate::coer::{Reader, Result};

/// Service specific permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ssp {
    /// Octets whose meaning the application knows.
    Opaque(Vec<u8>),
    /// A bit map.
    Bitmap(Vec<u8>),
    /// A form that this version does not know; it permits nothing that can be shown.
    Unknown,
}

impl Ssp {
    fn parse(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.choice()? {
            0 => Ok(Self::Opaque(reader.octets()?.to_vec())),
            1 => Ok(Self::Bitmap(reader.open(Reader::octets)?.to_vec())),
            _ => {
                reader.octets()?;
                Ok(Self::Unknown)
            }
        }
    }

    /// The octets, whichever the form.
    pub fn octets(&self) -> &[u8] {
        match self {
            Self::Opaque(octets) | Self::Bitmap(octets) => octets,
            Self::Unknown => &[],
        }
    }
}

/// A service and what the holder may do in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PsidSsp {
    /// Provider service identifier (ITS-AID).
    pub psid: u64,
    /// Permissions within the service; `None` is the service's default.
    pub ssp: Option<Ssp>,
}

impl PsidSsp {
    pub(crate) fn parse(reader: &mut Reader<'_>) -> Result<Self> {
        let with_ssp = preamble(reader, 1)? & 1 != 0;
        let psid = reader.unsigned()?;
        Ok(Self { psid, ssp: if with_ssp { Some(Ssp::parse(reader)?) } else { None } })
    }
}

/// Which SSPs an issuer may give.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SspRange {
    /// One of these octet strings.
    Opaque(Vec<Vec<u8>>),
    /// Any.
    All,
    /// Bit maps that equal `value` wherever `mask` is set.
    Bitmap {
        /// The fixed bits.
        value: Vec<u8>,
        /// Which bits are fixed.
        mask: Vec<u8>,
    },
    /// A form that this version does not know; it allows nothing.
    Unknown,
}

impl SspRange {
    fn parse(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.choice()? {
            0 => Ok(Self::Opaque(reader.sequence_of(|r| r.octets().map(<[u8]>::to_vec))?)),
            1 => Ok(Self::All),
            2 => reader.open(|inner| {
                let value = inner.octets()?.to_vec();
                Ok(Self::Bitmap { value, mask: inner.octets()?.to_vec() })
            }),
            _ => {
                reader.octets()?;
                Ok(Self::Unknown)
            }
        }
    }

    /// Whether `ssp` lies in this range.
    pub fn permits(&self, ssp: Option<&Ssp>) -> bool {
        match (self, ssp) {
            (Self::All, _) => true,
            (Self::Opaque(allowed), Some(Ssp::Opaque(octets))) => allowed.contains(octets),
            // An empty opaque SSP in the range is what stands for an absent one.
            (Self::Opaque(allowed), None) => allowed.iter().any(Vec::is_empty),
            (Self::Bitmap { value, mask }, Some(Ssp::Bitmap(bits))) => matches(bits, value, mask),
            _ => false,
        }
    }
}

/// A service that an issuer may give, and within which SSPs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PsidSspRange {
    /// Provider service identifier.
    pub psid: u64,
    /// The SSPs; `None` is any, as `SspRange::All`.
    pub range: Option<SspRange>,
}

/// A group of permissions an issuer may hand on, and how far down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPermissions {
    /// The services; `None` is all.
    pub subjects: Option<Vec<PsidSspRange>>,
    /// The least length of the chain below this certificate.
    pub min_chain_length: i32,
    /// How much longer the chain may be; −1 is without limit.
    pub chain_length_range: i32,
    /// End entities may be application certificates.
    pub app: bool,
    /// End entities may be enrolment certificates.
    pub enrol: bool,
}

impl GroupPermissions {
    pub(crate) fn parse(reader: &mut Reader<'_>) -> Result<Self> {
        let present = preamble(reader, 3)?;
        let subjects = match reader.choice()? {
            0 => Some(reader.sequence_of(|r| {
                let with_range = preamble(r, 1)? & 1 != 0;
                let psid = r.unsigned()?;
                Ok(PsidSspRange { psid, range: if with_range { Some(SspRange::parse(r)?) } else { None } })
            })?),
            1 => None,
            _ => {
                reader.octets()?;
                Some(Vec::new())
            }
        };
        let min_chain_length = if present & 4 != 0 { reader.signed()? } else { 1 };
        let chain_length_range = if present & 2 != 0 { reader.signed()? } else { 0 };
        let ee_type = if present & 1 != 0 { reader.u8()? } else { 0x80 };
        let (app, enrol) = (ee_type & 0x80 != 0, ee_type & 0x40 != 0);
        Ok(Self { subjects, min_chain_length, chain_length_range, app, enrol })
    }

    /// Whether `depth` certificates may follow below the holder of this group. A least length of zero is not
    /// permitted in an issuer's certificate (PsidGroupPermissions): such a group permits nothing.
    fn allows_depth(&self, depth: i32) -> bool {
        let longest = self.min_chain_length.saturating_add(self.chain_length_range);
        self.min_chain_length >= 1
            && depth >= self.min_chain_length
            && (self.chain_length_range < 0 || depth <= longest)
    }

    fn grants(&self, psid: u64, ssp: Option<&Ssp>) -> Grant {
        let Some(subjects) = &self.subjects else { return Grant::Yes };
        let named = subjects.iter().filter(|subject| subject.psid == psid);
        let permits = |range: &SspRange| if range.permits(ssp) { Grant::Yes } else { Grant::NoSsp };
        named.map(|subject| subject.range.as_ref().map_or(Grant::Yes, permits)).max().unwrap_or(Grant::NoPsid)
    }

    fn names(&self, psid: u64) -> bool {
        self.subjects.as_ref().is_some_and(|subjects| subjects.iter().any(|subject| subject.psid == psid))
    }
}

/// Whether an issuer's groups cover a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// The service is not among them.
    NoPsid,
    /// The service is, but not with this SSP.
    NoSsp,
    /// Covered.
    Yes,
}

/// Whether each service is there once at most (clause 6.4.8): of two entries, which one counts?
pub(crate) fn are_distinct(permissions: &[PsidSsp]) -> bool {
    let mut psids: Vec<u64> = permissions.iter().map(|permission| permission.psid).collect();
    psids.sort_unstable(); // there may be thousands
    psids.windows(2).all(|pair| pair[0] != pair[1])
}

/// Whether one group at most is of all services (clause 6.4.8): "all" is what the *other* groups do not name.
pub(crate) fn say_all_once(groups: &[GroupPermissions]) -> bool {
    groups.iter().filter(|group| group.subjects.is_none()).count() <= 1
}

/// Whether an issuer that holds `groups` may put `permission` into a certificate `depth` steps below it.
pub fn grants(groups: &[GroupPermissions], permission: &PsidSsp, depth: i32, enrol: bool) -> Grant {
    // "all" speaks only of services that no group names.
    let named = groups.iter().any(|group| group.names(permission.psid));
    groups
        .iter()
        .filter(|group| group.subjects.is_some() || !named)
        .filter(|group| group.allows_depth(depth) && if enrol { group.enrol } else { group.app })
        .map(|group| group.grants(permission.psid, permission.ssp.as_ref()))
        .max()
        .unwrap_or(Grant::NoPsid)
}

/// Whether an issuer that holds `outer` may hand the groups `inner` on to a subordinate authority.
pub fn delegates(outer: &[GroupPermissions], inner: &[GroupPermissions]) -> bool {
    let names = |groups: &[GroupPermissions], psid| groups.iter().any(|group| group.names(psid));
    inner.iter().all(|group| {
        let able = || outer.iter().filter(|candidate| candidate.reaches(group));
        let hands_on = |range: &PsidSspRange| {
            let named = names(outer, range.psid);
            able().any(|candidate| (candidate.subjects.is_some() || !named) && candidate.covers(range))
        };
        match &group.subjects {
            // "all" is every service that the same certificate does not name, with any SSP: of those, the issuer
            // may name some itself, and limit them.
            None => {
                let limited = outer.iter().filter_map(|group| group.subjects.as_ref()).flatten();
                able().any(|candidate| candidate.subjects.is_none())
                    && limited
                        .filter(|subject| !names(inner, subject.psid))
                        .all(|subject| hands_on(&PsidSspRange { psid: subject.psid, range: None }))
            }
            Some(wanted) => wanted.iter().all(hands_on),
        }
    })
}

impl GroupPermissions {
    /// Whether the chains below `inner`, each one longer as seen from here, and its kinds of end entity are
    /// within this group.
    fn reaches(&self, inner: &Self) -> bool {
        let shortest = inner.min_chain_length.saturating_add(1);
        let longest = shortest.saturating_add(inner.chain_length_range);
        let endless = inner.chain_length_range < 0;
        let deep_enough = self.min_chain_length >= 1
            && shortest >= self.min_chain_length
            && (self.chain_length_range < 0 || (!endless && self.allows_depth(longest)));
        deep_enough && (self.app || !inner.app) && (self.enrol || !inner.enrol)
    }

    fn covers(&self, wanted: &PsidSspRange) -> bool {
        let Some(subjects) = &self.subjects else { return true };
        let mut named = subjects.iter().filter(|subject| subject.psid == wanted.psid);
        named.any(|subject| match (&subject.range, &wanted.range) {
            (Some(SspRange::All) | None, _) => true,
            (Some(SspRange::Opaque(have)), Some(SspRange::Opaque(want))) => {
                want.iter().all(|ssp| have.contains(ssp))
            }
            (Some(SspRange::Bitmap { value, mask }), Some(SspRange::Bitmap { value: want, mask: fixed })) => {
                matches(fixed, mask, mask) && matches(want, value, mask)
            }
            _ => false,
        })
    }
}

/// Whether `bits` equals `value` wherever `mask` is set. Bits beyond the mask are free; bits that the mask
/// fixes must be there.
pub(crate) fn matches(bits: &[u8], value: &[u8], mask: &[u8]) -> bool {
    let agrees = |(index, (value, mask)): (usize, (&u8, &u8))| match bits.get(index) {
        Some(bit) => (bit ^ value) & mask == 0,
        None => *mask == 0,
    };
    value.len() == mask.len() && value.iter().zip(mask).enumerate().all(agrees)
}

/// The preamble of a SEQUENCE without extension bit: `count` presence bits, right-aligned in the answer.
fn preamble(reader: &mut Reader<'_>, count: u32) -> Result<u8> {
    let byte = reader.u8()?;
    if byte & (0xff >> count) != 0 {
        return reader.malformed();
    }
    Ok(byte >> (8 - count))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAM: u64 = 36;
    const DENM: u64 = 37;

    fn permission(psid: u64, ssp: Option<Ssp>) -> PsidSsp {
        PsidSsp { psid, ssp }
    }

    fn bits(octets: &[u8]) -> Option<Ssp> {
        Some(Ssp::Bitmap(octets.to_vec()))
    }

    fn opaque(octets: &[u8]) -> Option<Ssp> {
        Some(Ssp::Opaque(octets.to_vec()))
    }

    fn range(psid: u64, range: Option<SspRange>) -> PsidSspRange {
        PsidSspRange { psid, range }
    }

    fn bitmap(value: &[u8], mask: &[u8]) -> Option<SspRange> {
        Some(SspRange::Bitmap { value: value.to_vec(), mask: mask.to_vec() })
    }

    fn group(subjects: Option<Vec<PsidSspRange>>) -> GroupPermissions {
        GroupPermissions { subjects, min_chain_length: 1, chain_length_range: 0, app: true, enrol: false }
    }

    fn at_depth(subjects: Option<Vec<PsidSspRange>>, min: i32, range: i32) -> GroupPermissions {
        GroupPermissions { min_chain_length: min, chain_length_range: range, ..group(subjects) }
    }

    fn given(groups: &[GroupPermissions], psid: u64, ssp: Option<Ssp>) -> Grant {
        grants(groups, &permission(psid, ssp), 1, false)
    }

    #[test]
    fn an_omitted_range_and_all_permit_any_ssp() {
        for range_of in [None, Some(SspRange::All)] {
            let groups = [group(Some(vec![range(CAM, range_of)]))];
            for ssp in [None, bits(&[1, 2, 3]), opaque(&[9])] {
                assert_eq!(given(&groups, CAM, ssp), Grant::Yes);
            }
            assert_eq!(given(&groups, DENM, None), Grant::NoPsid);
        }
    }

    #[test]
    fn all_speaks_only_of_services_that_nobody_names() {
        let groups = [group(None), group(Some(vec![range(CAM, bitmap(&[1, 0], &[0xff, 0xf0]))]))];
        assert_eq!(given(&groups, DENM, bits(&[7])), Grant::Yes);
        assert_eq!(given(&groups, CAM, bits(&[1, 0x0f])), Grant::Yes);
        assert_eq!(given(&groups, CAM, bits(&[1, 0x1f])), Grant::NoSsp);
        // Also where the group that names it does not apply at this depth.
        let groups = [group(None), at_depth(Some(vec![range(CAM, None)]), 2, 0)];
        assert_eq!(given(&groups, CAM, None), Grant::NoPsid);
    }

    #[test]
    fn opaque_ranges_list_what_they_permit() {
        let allowed = Some(SspRange::Opaque(vec![vec![1], vec![]]));
        let groups = [group(Some(vec![range(CAM, allowed)]))];
        assert_eq!(given(&groups, CAM, opaque(&[1])), Grant::Yes);
        assert_eq!(given(&groups, CAM, opaque(&[2])), Grant::NoSsp);
        assert_eq!(given(&groups, CAM, None), Grant::Yes); // the empty one stands for an absent one
        assert_eq!(given(&groups, CAM, bits(&[1])), Grant::NoSsp); // another form
    }

    #[test]
    fn masks_fix_bits() {
        assert!(matches(&[1, 0xff], &[1, 0], &[0xff, 0]));
        assert!(!matches(&[2, 0xff], &[1, 0], &[0xff, 0]));
        assert!(matches(&[1, 0, 0xff], &[1, 0], &[0xff, 0xff])); // bits beyond the mask are free
        assert!(!matches(&[1], &[1, 0], &[0xff, 1])); // a fixed bit that is not there
        assert!(matches(&[1], &[1, 0], &[0xff, 0]));
        assert!(!matches(&[1], &[1], &[])); // value and mask of different lengths fix nothing that is known
    }

    #[test]
    fn depth_and_kind_of_end_entity_are_looked_at() {
        let cam = || Some(vec![range(CAM, None)]);
        let deep = [at_depth(cam(), 2, 1)];
        let yes = |depth| grants(&deep, &permission(CAM, None), depth, false) == Grant::Yes;
        assert_eq!([1, 2, 3, 4].map(yes), [false, true, true, false]);
        let endless = [at_depth(cam(), 2, -1)];
        assert_eq!(grants(&endless, &permission(CAM, None), 1_000, false), Grant::Yes);
        assert_eq!(grants(&deep, &permission(CAM, None), 2, true), Grant::NoPsid);
        for least in [0, -1] {
            let invalid = [at_depth(cam(), least, 5), at_depth(None, least, -1)];
            assert_eq!(grants(&invalid, &permission(CAM, None), 1, false), Grant::NoPsid);
            assert!(!delegates(&invalid, &[group(cam())]));
        }
    }

    #[test]
    fn an_authority_hands_on_what_it_has_one_step_further_down() {
        let cam = || Some(vec![range(CAM, bitmap(&[1, 0], &[0xff, 0x0f]))]);
        let root = [at_depth(cam(), 2, 0)];
        assert!(delegates(&root, &[group(cam())]));
        assert!(delegates(&root, &[]));
        // Wider, deeper, of another kind, of another service.
        assert!(!delegates(&root, &[group(Some(vec![range(CAM, None)]))]));
        assert!(!delegates(&root, &[group(Some(vec![range(CAM, bitmap(&[1, 0], &[0xff, 0x07]))]))]));
        assert!(!delegates(&root, &[group(Some(vec![range(CAM, bitmap(&[2, 0], &[0xff, 0x0f]))]))]));
        assert!(!delegates(&root, &[at_depth(cam(), 2, 0)]));
        assert!(!delegates(&root, &[at_depth(cam(), 1, -1)]));
        assert!(!delegates(&root, &[GroupPermissions { enrol: true, ..group(cam()) }]));
        assert!(!delegates(&root, &[group(Some(vec![range(DENM, None)]))]));
        // Narrower.
        assert!(delegates(&root, &[group(Some(vec![range(CAM, bitmap(&[1, 0x20], &[0xff, 0x2f]))]))]));
        assert!(delegates(&[at_depth(None, 2, -1)], &[at_depth(None, 1, -1)]));
        assert!(delegates(&[at_depth(None, 2, -1)], &[at_depth(cam(), 5, 0)]));
    }

    #[test]
    fn all_is_not_handed_on_past_a_service_that_the_issuer_names() {
        let limited = || range(CAM, bitmap(&[1], &[0xff]));
        let root = [at_depth(None, 2, 0), at_depth(Some(vec![limited()]), 2, 0)];
        assert!(!delegates(&root, &[group(None)]));
        assert!(!delegates(&root, &[group(Some(vec![range(CAM, None)]))]));
        assert!(delegates(&root, &[group(None), group(Some(vec![limited()]))]));
        assert!(delegates(&root, &[group(Some(vec![range(DENM, None)]))]));
    }

    /// As a root in Korea is made: what it names, it does not limit.
    #[test]
    fn all_is_handed_on_past_a_service_that_the_issuer_names_without_limit() {
        let named = |min, reach| at_depth(Some(vec![range(CAM, None)]), min, reach);
        let authority = [at_depth(None, 2, 0)];
        assert!(delegates(&[at_depth(None, 3, -1), named(1, -1)], &authority));
        assert!(delegates(&[at_depth(None, 3, -1), named(3, 0)], &authority));
        assert!(!delegates(&[at_depth(None, 3, -1), named(1, 1)], &authority), "not so deep");
        assert!(!delegates(&[named(1, -1)], &authority), "it names one, and nobody gives the others");
        let enrolling = [GroupPermissions { enrol: true, ..at_depth(None, 2, 0) }];
        let both = GroupPermissions { enrol: true, ..at_depth(None, 3, -1) };
        assert!(!delegates(&[both, named(1, -1)], &enrolling), "not for that kind of certificate");
    }

    #[test]
    fn forms_that_are_not_known_permit_nothing() {
        let groups = [group(Some(vec![range(CAM, Some(SspRange::Unknown))]))];
        assert_eq!(given(&groups, CAM, bits(&[1])), Grant::NoSsp);
        let some = [group(Some(vec![range(CAM, bitmap(&[1], &[0xff]))]))];
        assert_eq!(given(&some, CAM, Some(Ssp::Unknown)), Grant::NoSsp);
    }
}
