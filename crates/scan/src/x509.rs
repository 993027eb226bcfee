//! The outline of an X.509 certificate, also of one that strict parsers refuse.
//!
//! Nothing is verified here. What cannot be read is left out and named in [`Outline::defects`].
//!
//! Source: RFC 5280 §4.1 and §4.2.

use crate::der::{
    BIT_STRING, Element, Elements, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, dotted, integer_bits,
};

/// What a certificate says, as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Octets of the certificate, where data may follow.
    pub length: usize,
    /// Hexadecimal, without leading zeros.
    pub serial: Option<String>,
    /// In the manner of RFC 4514, but in the order of the certificate.
    pub issuer: Option<String>,
    /// As the issuer.
    pub subject: Option<String>,
    /// ISO 8601 in UTC.
    pub not_before: Option<String>,
    /// ISO 8601 in UTC.
    pub not_after: Option<String>,
    /// Of the signature, dotted.
    pub signature_oid: Option<String>,
    /// Parameters of the signature's algorithm, as DER.
    pub signature_parameters: Option<Vec<u8>>,
    /// Of the key, dotted.
    pub key_oid: Option<String>,
    /// Parameters of the key's algorithm, as DER.
    pub key_parameters: Option<Vec<u8>>,
    /// Bits of the modulus of RSA, or of the prime field of DSA and DH.
    pub key_bits: Option<u32>,
    /// The SubjectPublicKeyInfo.
    pub spki: Option<Vec<u8>>,
    /// basicConstraints, where there are any.
    pub is_ca: Option<bool>,
    /// keyUsage, bit 0 of the standard first.
    pub key_usage: Option<u16>,
    /// extendedKeyUsage, dotted.
    pub purposes: Vec<String>,
    /// Of subjectAltPublicKeyInfo (X.509 2019 §9.8), dotted: the second key of a hybrid certificate.
    pub second_key_oid: Option<String>,
    /// Of altSignatureAlgorithm, dotted: the second signature of a hybrid certificate.
    pub second_signature_oid: Option<String>,
    /// subject and issuer are the same octets.
    pub self_issued: bool,
    /// What is wrong with it, in words.
    pub defects: Vec<&'static str>,
}

/// Reads the certificate at the start of `data`; `None` if there is none.
#[must_use]
pub fn outline(data: &[u8]) -> Option<Outline> {
    let outer = Elements::new(data).next_if(SEQUENCE)?;
    let mut parts = Elements::new(outer.content);
    let tbs = parts.next_if(SEQUENCE)?;
    let mut found = Outline { length: outer.whole.len(), ..Outline::default() };
    found.note(outer.defective || tbs.defective, "a length is wrong");
    found.read_tbs(tbs.content)?;
    match parts.next_if(SEQUENCE) {
        Some(algorithm) => found.read_outer_algorithm(&algorithm),
        None => found.defects.push("no signature algorithm"),
    }
    found.note(parts.next_if(BIT_STRING).is_none(), "no signature");
    Some(found)
}

/// Key algorithm, parameters and bits of the SubjectPublicKeyInfo at the start of `data`, and its length.
#[must_use]
pub fn public_key(data: &[u8]) -> Option<Outline> {
    let spki = Elements::new(data).next_if(SEQUENCE)?;
    let mut found = Outline { length: spki.whole.len(), ..Outline::default() };
    found.read_key(&spki)?;
    Some(found)
}

impl Outline {
    fn note(&mut self, wrong: bool, what: &'static str) {
        if wrong && !self.defects.contains(&what) {
            self.defects.push(what);
        }
    }

    fn read_tbs(&mut self, content: &[u8]) -> Option<()> {
        let mut fields = Elements::new(content);
        let version = fields.next_if(0xa0).map(|explicit| version(explicit.content));
        match fields.next_if(INTEGER) {
            Some(serial) => {
                let sign = serial.content.first();
                self.note(sign.is_none_or(|first| first & 0x80 != 0), "the serial is not positive");
                self.note(serial.content.iter().all(|octet| *octet == 0), "the serial is not positive");
                self.note(serial.content.len() > 20, "the serial is longer than 20 octets");
                self.serial = Some(hex(serial.content));
            }
            None => self.note(true, "no serial"),
        }
        // the validity tells a certificate; what stands before it may be incomplete
        let (mut algorithm_of, mut issuer, mut validity) = (None, None, None);
        for _ in 0..3 {
            let next = fields.next_if(SEQUENCE)?;
            if is_validity(&next) {
                validity = Some(next);
                break;
            }
            if algorithm_of.is_none() && Elements::new(next.content).peek().is_none_or(|tag| tag != SET) {
                algorithm_of = Some(next);
            } else {
                issuer = Some(next);
            }
        }
        // a certificate request or revocation list has none, nor has anything else
        let validity = validity?;
        match algorithm_of.and_then(|sequence| algorithm(&sequence)) {
            Some((oid, parameters)) => {
                (self.signature_oid, self.signature_parameters) = (Some(oid), parameters);
            }
            None => self.note(true, "the signature algorithm cannot be read"),
        }
        self.issuer = issuer.and_then(|issuer| self.name(&issuer));
        self.note(issuer.is_none_or(|issuer| issuer.content.is_empty()), "no issuer");
        let mut times = Elements::new(validity.content);
        self.not_before = self.time(times.next());
        self.not_after = self.time(times.next());
        let ends_first = self.not_before.as_ref().zip(self.not_after.as_ref()).is_some_and(|(a, b)| b < a);
        self.note(ends_first, "it ends before it begins");
        let Some(subject) = fields.next_if(SEQUENCE) else {
            self.defects.push("it ends before the subject");
            return Some(());
        };
        self.subject = self.name(&subject);
        self.self_issued = issuer.is_some_and(|issuer| subject.whole == issuer.whole);
        match fields.next_if(SEQUENCE) {
            Some(spki) if self.read_key(&spki).is_some() => {}
            _ => self.note(true, "the key cannot be read"),
        }
        let mut extended = false;
        for field in fields {
            self.note(field.defective, "a length is wrong");
            match field.tag {
                0xa3 => {
                    extended = true;
                    self.read_extensions(field.content);
                }
                0x81 | 0x82 | 0xa1 | 0xa2 => {} // unique identifiers
                _ => self.note(true, "it holds more than a certificate does"),
            }
        }
        let fits = match version {
            None => !extended, // version 1 is not written
            Some(number) => number == 2 || (number < 2 && !extended),
        };
        self.note(!fits, "its version does not fit");
        Some(())
    }

    fn read_key(&mut self, spki: &Element<'_>) -> Option<()> {
        let mut parts = Elements::new(spki.content);
        let (oid, parameters) = algorithm(&parts.next_if(SEQUENCE)?)?;
        let bits = parts.next_if(BIT_STRING)?;
        self.note(spki.defective || bits.defective, "a length is wrong");
        self.key_bits = match oid.as_str() {
            // the modulus stands in the key; PSS and OAEP keys are RSA keys
            "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" | "1.2.840.113549.1.1.7" => {
                let modulus = bits
                    .content
                    .get(1..)
                    .and_then(|key| Elements::new(key).next_if(SEQUENCE))
                    .and_then(|key| Elements::new(key.content).next_if(INTEGER));
                self.note(modulus.is_none(), "the key cannot be read");
                let negative = modulus.is_some_and(|modulus| modulus.content.first() >= Some(&0x80));
                self.note(negative, "the modulus is negative");
                modulus.map(|modulus| integer_bits(modulus.content))
            }
            // the prime stands in the parameters
            "1.2.840.10040.4.1" | "1.2.840.10046.2.1" | "1.2.840.113549.1.3.1" => parameters
                .as_deref()
                .and_then(|der| Elements::new(der).next_if(SEQUENCE))
                .and_then(|domain| Elements::new(domain.content).next_if(INTEGER))
                .map(|prime| integer_bits(prime.content)),
            _ => None,
        };
        let octets = bits.content.len().saturating_sub(1);
        self.note(key_octets(&oid).is_some_and(|whole| whole != octets), "the key has the wrong length");
        (self.key_oid, self.key_parameters) = (Some(oid), parameters);
        self.spki = Some(spki.whole.to_vec());
        Some(())
    }

    fn read_outer_algorithm(&mut self, element: &Element<'_>) {
        match algorithm(element) {
            Some((oid, parameters)) if self.signature_oid.is_none() => {
                (self.signature_oid, self.signature_parameters) = (Some(oid), parameters);
            }
            Some((oid, _)) => {
                let differs = self.signature_oid.as_ref().is_some_and(|inner| *inner != oid);
                self.note(differs, "it names two signature algorithms");
            }
            None => self.defects.push("the signature algorithm cannot be read"),
        }
    }

    fn read_extensions(&mut self, content: &[u8]) {
        let Some(list) = Elements::new(content).next_if(SEQUENCE) else {
            self.defects.push("the extensions cannot be read");
            return;
        };
        let mut seen: Vec<&[u8]> = Vec::new();
        for extension in Elements::new(list.content) {
            let mut parts = Elements::new(extension.content);
            let Some(oid) = parts.next_if(OID) else {
                self.note(true, "an extension cannot be read");
                continue;
            };
            self.note(seen.contains(&oid.content), "an extension stands in it twice");
            if seen.len() < 100 {
                seen.push(oid.content);
            }
            parts.next_if(0x01); // critical
            let Some(value) = parts.next_if(OCTET_STRING) else {
                self.note(true, "an extension cannot be read");
                continue;
            };
            let mut inner = Elements::new(value.content);
            match oid.content {
                [0x55, 0x1d, 0x13] => {
                    let constraints = inner.next_if(SEQUENCE);
                    let flag = constraints.and_then(|sequence| Elements::new(sequence.content).next_if(0x01));
                    let said = flag.is_some_and(|flag| flag.content.first().is_some_and(|octet| *octet != 0));
                    self.is_ca = Some(said || self.is_ca == Some(true)); // of two, the worse
                }
                [0x55, 0x1d, 0x0f] => {
                    self.key_usage = inner.next_if(BIT_STRING).map(|bits| {
                        let octet =
                            |at: usize| u16::from(bits.content.get(at).copied().unwrap_or(0).reverse_bits());
                        octet(1) | octet(2) << 8
                    });
                }
                [0x55, 0x1d, 0x25] => {
                    if let Some(list) = inner.next_if(SEQUENCE) {
                        let purposes =
                            Elements::new(list.content).filter_map(|purpose| dotted(purpose.content));
                        self.purposes = purposes.take(100).collect();
                    }
                }
                [0x55, 0x1d, 0x48] => {
                    self.second_key_oid = inner
                        .next_if(SEQUENCE)
                        .and_then(|spki| Elements::new(spki.content).next_if(SEQUENCE))
                        .and_then(|sequence| algorithm(&sequence))
                        .map(|(oid, _)| oid);
                }
                [0x55, 0x1d, 0x49] => {
                    let found = inner.next_if(SEQUENCE).and_then(|sequence| algorithm(&sequence));
                    self.second_signature_oid = found.map(|(oid, _)| oid);
                }
                _ => {}
            }
        }
    }

    fn name(&mut self, name: &Element<'_>) -> Option<String> {
        let mut attributes = Vec::new();
        for set in Elements::new(name.content) {
            if set.tag != SET {
                self.note(true, "a name cannot be read");
                continue;
            }
            for attribute in Elements::new(set.content) {
                let mut parts = Elements::new(attribute.content);
                let (Some(oid), Some(value)) = (parts.next_if(OID), parts.next()) else {
                    self.note(true, "a name cannot be read");
                    continue;
                };
                attributes.push(format!("{}={}", attribute_name(oid.content), text(&value)));
            }
        }
        Some(attributes.join(","))
    }

    fn time(&mut self, time: Option<Element<'_>>) -> Option<String> {
        let read = time.and_then(|time| instant(&time));
        self.note(read.is_none(), "a time cannot be read");
        read
    }
}

/// The number of a version; one that is no small number is none there is.
fn version(explicit: &[u8]) -> u8 {
    match Elements::new(explicit).next_if(INTEGER).map(|number| number.content) {
        Some([number]) => *number,
        _ => u8::MAX,
    }
}

/// Two times, also of another string type.
fn is_validity(sequence: &Element<'_>) -> bool {
    Elements::new(sequence.content).next().is_some_and(|first| match first.tag {
        0x17 | 0x18 => true,
        0x0c | 0x13 | 0x14 | 0x16 => {
            first.content.len() >= 10 && first.content[..10].iter().all(u8::is_ascii_digit)
        }
        _ => false,
    })
}

/// Octets of a public key whose algorithm leaves no choice (RFC 8410, 9881, 9935, 9909).
fn key_octets(oid: &str) -> Option<usize> {
    match oid {
        "1.3.101.110" | "1.3.101.112" => Some(32),
        "1.3.101.111" => Some(56),
        "1.3.101.113" => Some(57),
        "2.16.840.1.101.3.4.3.17" | "2.16.840.1.101.3.4.3.32" => Some(1312),
        "2.16.840.1.101.3.4.3.18" | "2.16.840.1.101.3.4.3.33" => Some(1952),
        "2.16.840.1.101.3.4.3.19" | "2.16.840.1.101.3.4.3.34" => Some(2592),
        "2.16.840.1.101.3.4.4.1" => Some(800),
        "2.16.840.1.101.3.4.4.2" => Some(1184),
        "2.16.840.1.101.3.4.4.3" => Some(1568),
        _ => {
            let number: u32 = oid.strip_prefix("2.16.840.1.101.3.4.3.")?.parse().ok()?;
            match number {
                20 | 21 | 26 | 27 => Some(32), // SLH-DSA
                22 | 23 | 28 | 29 => Some(48),
                24 | 25 | 30 | 31 => Some(64),
                _ => None,
            }
        }
    }
}

fn algorithm(sequence: &Element<'_>) -> Option<(String, Option<Vec<u8>>)> {
    let mut parts = Elements::new(sequence.content);
    let oid = dotted(parts.next_if(OID)?.content)?;
    Some((oid, parts.next().map(|parameters| parameters.whole.to_vec())))
}

fn hex(octets: &[u8]) -> String {
    let significant = octets.iter().position(|octet| *octet != 0).map_or(&[][..], |start| &octets[start..]);
    if significant.is_empty() {
        return "00".to_owned();
    }
    significant.iter().take(64).map(|octet| format!("{octet:02x}")).collect()
}

fn attribute_name(oid: &[u8]) -> String {
    match oid {
        [0x55, 0x04, 0x03] => "CN".to_owned(),
        [0x55, 0x04, 0x05] => "SERIALNUMBER".to_owned(),
        [0x55, 0x04, 0x06] => "C".to_owned(),
        [0x55, 0x04, 0x07] => "L".to_owned(),
        [0x55, 0x04, 0x08] => "ST".to_owned(),
        [0x55, 0x04, 0x0a] => "O".to_owned(),
        [0x55, 0x04, 0x0b] => "OU".to_owned(),
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC".to_owned(),
        _ => dotted(oid).unwrap_or_else(|| "?".to_owned()),
    }
}

/// The text of a DirectoryString, bounded; what stands for a new line in it does not become one.
fn text(value: &Element<'_>) -> String {
    let octets = &value.content[..value.content.len().min(1024)];
    let decoded: String = match value.tag {
        0x1e => octets
            .chunks_exact(2)
            .map(|pair| char::from_u32(u32::from(pair[0]) << 8 | u32::from(pair[1])).unwrap_or('\u{fffd}'))
            .collect(),
        0x0c => String::from_utf8_lossy(octets).into_owned(),
        _ => octets.iter().map(|octet| char::from(*octet)).collect(), // Latin-1 is what T61 means in practice
    };
    let mut escaped = String::new();
    for character in decoded.chars() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => escaped.extend(['\\', character]),
            _ if character.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// UTCTime and GeneralizedTime as ISO 8601; an offset is kept.
fn instant(time: &Element<'_>) -> Option<String> {
    let text = std::str::from_utf8(time.content).ok()?;
    let (date, rest) = match time.tag {
        0x17 => {
            let year: u32 = text.get(..2)?.parse().ok()?;
            (format!("{}{}", if year < 50 { "20" } else { "19" }, text.get(..10)?), text.get(10..)?)
        }
        0x18 => (text.get(..12)?.to_owned(), text.get(12..)?),
        _ => return None,
    };
    if !date.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (seconds, zone) = if digits >= 2 { rest.split_at(2) } else { ("00", rest) };
    let zone = zone.trim_start_matches(|mark: char| mark == '.' || mark.is_ascii_digit());
    let zone = match zone {
        "Z" | "" => "Z".to_owned(),
        _ if zone.len() == 5 && zone.starts_with(['+', '-']) => format!("{}:{}", &zone[..3], zone.get(3..)?),
        _ => return None,
    };
    let part = |from: usize, to: usize| date[from..to].parse::<u32>().unwrap_or(99);
    let (year, month) = (part(0, 4), part(4, 6));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if year == 0
        || !(1..=12).contains(&month)
        || !(1..=days).contains(&part(6, 8))
        || part(8, 10) > 23
        || part(10, 12) > 59
    {
        return None;
    }
    Some(format!(
        "{}-{}-{}T{}:{}:{seconds}{zone}",
        &date[..4],
        &date[4..6],
        &date[6..8],
        &date[8..10],
        &date[10..12]
    ))
}
