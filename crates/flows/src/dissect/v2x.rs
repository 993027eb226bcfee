//! Secured messages on the air (IEEE 1609.2, ETSI TS 103 097), summed up by what protects them.

use std::collections::HashMap;

use frames::{Kind, Message, Network};
use serde::Serialize;
use serde_bytes::ByteBuf;
use spdu::message::{Content, Limits, Signer};

/// Different kinds of message that are kept apart; a capture made by an attacker may hold any number.
const MAX_KINDS: usize = 4096;

/// Messages that are protected in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broadcast {
    /// `geonetworking`, `wsmp`, `udp` or `bare`.
    pub network: &'static str,
    /// `signed`, `encrypted`, `unsecured`, `certificate-request`, `legacy` or `malformed`.
    pub content: &'static str,
    /// The service, as signed or as its carrier says.
    pub psid: Option<u64>,
    /// Signature algorithm by its name in Roadseal's table.
    pub signature: Option<&'static str>,
    /// `digest`, `certificate` or `self`.
    pub signer: Option<&'static str>,
    /// How many.
    pub messages: u64,
    /// The first of them.
    pub first_frame: u64,
    /// A certificate that one of them carries.
    pub certificate: Option<ByteBuf>,
}

type Likeness = (&'static str, &'static str, Option<u64>, Option<&'static str>, Option<&'static str>);

/// Sums up.
#[derive(Debug, Default)]
pub(crate) struct Broadcasts {
    kinds: HashMap<Likeness, Broadcast>,
    /// Messages of kinds over the limit.
    pub(crate) uncounted: u64,
}

impl Broadcasts {
    pub(crate) fn add(&mut self, frame: u64, message: &Message<'_>) {
        let one = describe(frame, message);
        let likeness = (one.network, one.content, one.psid, one.signature, one.signer);
        if let Some(known) = self.kinds.get_mut(&likeness) {
            known.messages += 1;
            return;
        }
        if self.kinds.len() >= MAX_KINDS {
            self.uncounted += 1;
            return;
        }
        self.kinds.insert(likeness, one);
    }

    /// In the order of their first frames.
    pub(crate) fn take(&mut self) -> Vec<Broadcast> {
        let mut all: Vec<_> = std::mem::take(&mut self.kinds).into_values().collect();
        all.sort_by_key(|one| (one.first_frame, one.psid));
        all
    }
}

fn describe(frame: u64, message: &Message<'_>) -> Broadcast {
    let network = match message.network {
        Network::GeoNetworking => "geonetworking",
        Network::Wsmp => "wsmp",
        Network::Udp => "udp",
        Network::Bare => "bare",
    };
    let mut one = Broadcast {
        network,
        content: "malformed",
        psid: message.psid.map(u64::from),
        signature: None,
        signer: None,
        messages: 1,
        first_frame: frame,
        certificate: None,
    };
    match message.kind {
        Kind::Legacy { .. } => one.content = "legacy",
        Kind::Unsecured => one.content = "unsecured",
        Kind::Malformed => {}
        Kind::Spdu => {
            if let Ok((content, _)) = Content::parse_prefix(message.bytes, &Limits::default()) {
                one.read(&content);
            }
        }
    }
    one
}

impl Broadcast {
    fn read(&mut self, content: &Content<'_>) {
        self.content = match content {
            Content::Unsecured(_) => "unsecured",
            Content::Encrypted(_) => "encrypted",
            Content::CertificateRequest(..) => "certificate-request",
            Content::Signed(_) => "signed",
            _ => "malformed",
        };
        let Content::Signed(signed) = content else {
            return;
        };
        self.psid = Some(signed.header.psid);
        self.signature = signed.signature.algorithm().map(spdu::algorithm::Algorithm::id);
        self.signer = Some(match &signed.signer {
            Signer::Digest(_) => "digest",
            Signer::Itself => "self",
            Signer::Certificates(chain) => {
                self.certificate = chain.first().map(|certificate| ByteBuf::from(certificate.bytes));
                "certificate"
            }
        });
    }
}
