//! Secrets that a word announces: `password=...`, `Authorization: ...`, `Cookie: ...`, URLs with credentials, key
//! blocks, webhooks. The gate calls [`Shapes::find`] wherever such a word stands.

mod assign;
mod block;

use super::hit::Scratch;
use super::rule::Rule;
use super::token::{FORMATS, Runs};

/// What a word announces.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    /// A token format, by its number.
    Token(usize),
    /// A phone number.
    Phone,
    /// A US social security number.
    Ssn,
    /// A version.
    Version,
    /// A rule of the user's own, by its number.
    Custom(usize),
    /// Something with a shape of its own.
    Shape(Shape),
}

/// How what follows a word is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `word = value`, where any value counts.
    Password,
    /// `word = value`, where the value must look like a key.
    Key(Rule),
    /// `token = value`, where the value must be opaque and the word stand alone.
    Token,
    /// A header with a scheme and credentials.
    Authorization,
    /// `Bearer` and a token.
    Bearer,
    /// A header of cookies.
    Cookie,
    /// `://user:password@`.
    Url,
    /// A path that is a secret, behind the word.
    Webhook(Rule),
    /// A PEM block with a private key.
    Pem,
    /// Three parts of base64.
    Jwt,
    /// A client secret of Azure, around the word.
    AzureClient,
    /// A signature in a URL.
    Signature,
}

impl Shape {
    /// Whether the word marks a secret when it is the name in a JSON object.
    pub(super) fn is_name(self) -> bool {
        matches!(self, Self::Password | Self::Key(_) | Self::Token | Self::Authorization | Self::Cookie)
    }
}

const PHONE: [&str; 17] = [
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "cellphone",
    "fax",
    "whatsapp",
    "telefon",
    "telefono",
    "sms",
    "call me",
    "call us",
    "text me",
    "reach me",
    "phone number",
    "phonenumber",
];
const SSN: [&str; 4] = ["ssn", "social security", "social-security", "soc sec"];
const VERSION: [&str; 6] = ["version", "ver", "release", "build", "firmware", "revision"];

const SHAPES: [(&str, Shape); 74] = [
    ("password", Shape::Password),
    ("passwd", Shape::Password),
    ("passphrase", Shape::Password),
    ("passcode", Shape::Password),
    ("pwd", Shape::Password),
    ("secret", Shape::Key(Rule::Secret)),
    ("secret_key", Shape::Key(Rule::Secret)),
    ("secret-key", Shape::Key(Rule::Secret)),
    ("secretkey", Shape::Key(Rule::Secret)),
    ("secret key", Shape::Key(Rule::Secret)),
    ("secret_key_base", Shape::Key(Rule::Secret)),
    ("api_key", Shape::Key(Rule::Secret)),
    ("api-key", Shape::Key(Rule::Secret)),
    ("apikey", Shape::Key(Rule::Secret)),
    ("api key", Shape::Key(Rule::Secret)),
    ("api_token", Shape::Key(Rule::Secret)),
    ("api-token", Shape::Key(Rule::Secret)),
    ("apitoken", Shape::Key(Rule::Secret)),
    ("access_key", Shape::Key(Rule::Secret)),
    ("access-key", Shape::Key(Rule::Secret)),
    ("accesskey", Shape::Key(Rule::Secret)),
    ("private_key", Shape::Key(Rule::Secret)),
    ("private-key", Shape::Key(Rule::Secret)),
    ("privatekey", Shape::Key(Rule::Secret)),
    ("private_key_id", Shape::Key(Rule::Gcp)),
    ("encryption_key", Shape::Key(Rule::Secret)),
    ("signing_key", Shape::Key(Rule::Secret)),
    ("auth_key", Shape::Key(Rule::Secret)),
    ("access_token", Shape::Key(Rule::Secret)),
    ("access-token", Shape::Key(Rule::Secret)),
    ("accesstoken", Shape::Key(Rule::Secret)),
    ("refresh_token", Shape::Key(Rule::Secret)),
    ("refresh-token", Shape::Key(Rule::Secret)),
    ("refreshtoken", Shape::Key(Rule::Secret)),
    ("auth_token", Shape::Key(Rule::Secret)),
    ("auth-token", Shape::Key(Rule::Secret)),
    ("authtoken", Shape::Key(Rule::Secret)),
    ("id_token", Shape::Key(Rule::Secret)),
    ("session_token", Shape::Key(Rule::Secret)),
    ("session-token", Shape::Key(Rule::Secret)),
    ("sessiontoken", Shape::Key(Rule::Secret)),
    ("security-token", Shape::Key(Rule::Secret)),
    ("csrf_token", Shape::Key(Rule::Secret)),
    ("csrf-token", Shape::Key(Rule::Secret)),
    ("credential", Shape::Key(Rule::Secret)),
    ("credentials", Shape::Key(Rule::Secret)),
    ("token", Shape::Token),
    ("secret_access_key", Shape::Key(Rule::AwsSecret)),
    ("secretaccesskey", Shape::Key(Rule::AwsSecret)),
    ("secret access key", Shape::Key(Rule::AwsSecret)),
    ("aws_secret", Shape::Key(Rule::AwsSecret)),
    ("accountkey", Shape::Key(Rule::Azure)),
    ("sharedaccesskey", Shape::Key(Rule::Azure)),
    ("account_key", Shape::Key(Rule::Azure)),
    ("dd_api_key", Shape::Key(Rule::Datadog)),
    ("dd-api-key", Shape::Key(Rule::Datadog)),
    ("dd_app_key", Shape::Key(Rule::Datadog)),
    ("dd-application-key", Shape::Key(Rule::Datadog)),
    ("dd_application_key", Shape::Key(Rule::Datadog)),
    ("datadog_api_key", Shape::Key(Rule::Datadog)),
    ("datadog_app_key", Shape::Key(Rule::Datadog)),
    ("authorization", Shape::Authorization),
    ("bearer ", Shape::Bearer),
    ("cookie", Shape::Cookie),
    ("cookies", Shape::Cookie),
    ("://", Shape::Url),
    ("hooks.slack.com/", Shape::Webhook(Rule::SlackWebhook)),
    ("discord.com/api/webhooks/", Shape::Webhook(Rule::Secret)),
    ("discordapp.com/api/webhooks/", Shape::Webhook(Rule::Secret)),
    ("-----begin ", Shape::Pem),
    ("eyJ", Shape::Jwt),
    ("7q~", Shape::AzureClient),
    ("8q~", Shape::AzureClient),
    ("sig=", Shape::Signature),
];

/// Every word with what it announces.
pub(super) fn words() -> impl Iterator<Item = (&'static str, Word)> {
    let tokens = FORMATS.iter().enumerate().map(|(at, format)| (format.prefix, Word::Token(at)));
    let phone = PHONE.iter().map(|word| (*word, Word::Phone));
    let ssn = SSN.iter().map(|word| (*word, Word::Ssn));
    let version = VERSION.iter().map(|word| (*word, Word::Version));
    let shapes = SHAPES.iter().map(|(word, shape)| (*word, Word::Shape(*shape)));
    tokens.chain(phone).chain(ssn).chain(version).chain(shapes)
}

/// Notes where a word ends that announces a number, if it stands alone.
pub(super) fn announce(text: &str, start: usize, end: usize, ends: &mut Vec<usize>) {
    let bytes = text.as_bytes();
    let letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
    let inside = start > 0 && letter(start - 1) || letter(end);
    if !inside {
        ends.push(end);
    }
}

/// What is remembered while one text is read, so that nothing is measured twice.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    runs: Runs,
    /// Where the last search for the end of a key block began and what it found.
    pem_end: Option<(usize, Option<usize>)>,
}

impl Shapes {
    /// Looks at what follows the word `text[start..end]`.
    pub(super) fn find(&mut self, text: &str, start: usize, end: usize, shape: Shape, scratch: &mut Scratch) {
        let covered =
            if shape == Shape::Jwt { scratch.covered_inside(start) } else { scratch.covered(start) };
        if covered {
            return;
        }
        match shape {
            Shape::Password => assign::password(text, end, scratch),
            Shape::Key(rule) => assign::key(text, end, rule, scratch),
            Shape::Token => assign::token(text, start, end, scratch),
            Shape::Authorization => assign::authorization(text, end, scratch),
            Shape::Bearer => assign::bearer(text, start, end, scratch),
            Shape::Cookie => assign::cookie(text, end, scratch),
            Shape::Url => block::url(text, end, scratch),
            Shape::Webhook(rule) => block::webhook(text, end, rule, scratch),
            Shape::Pem => block::pem(text, start, end, &mut self.pem_end, scratch),
            Shape::Jwt => block::jwt(text, start, &mut self.runs, scratch),
            Shape::AzureClient => block::azure_client(text, start, end, scratch),
            Shape::Signature => assign::signature(text, start, end, scratch),
        }
    }
}
