//! Keys and tokens with a fixed beginning: the published formats of the common providers. The gate calls
//! [`find`] wherever such a beginning stands. Linear: a run of token characters is measured once.

use super::hit::Scratch;
use super::rule::Rule;

/// Which characters a token goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Letters and digits.
    Alnum,
    /// And `_`.
    Word,
    /// And `-`.
    Dash,
    /// And `.`.
    Dot,
    /// Upper-case letters and digits.
    Upper,
}

/// A token format: what follows `prefix`, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub(super) prefix: &'static str,
    class: Class,
    min: usize,
    max: usize,
    /// Without a digit in what follows it is an ordinary word.
    digit: bool,
    rule: Rule,
}

/// No upper limit: a later beginning within a run that is too long would otherwise match its tail, and the next
/// round the tail before that.
const ANY: usize = usize::MAX;

const fn format(rule: Rule, prefix: &'static str, class: Class, min: usize, max: usize) -> Format {
    Format { prefix, class, min, max, digit: true, rule }
}

/// All formats. Where one beginning extends another, the first row that matches at a place wins.
pub(super) const FORMATS: &[Format] = &[
    format(Rule::Anthropic, "sk-ant-", Class::Dash, 12, ANY),
    format(Rule::OpenAi, "sk-", Class::Dash, 20, ANY),
    format(Rule::OpenAi, "sess-", Class::Alnum, 40, 40),
    format(Rule::AwsKeyId, "AKIA", Class::Upper, 16, 16),
    format(Rule::AwsKeyId, "ASIA", Class::Upper, 16, 16),
    format(Rule::AwsKeyId, "ABIA", Class::Upper, 16, 16),
    format(Rule::AwsKeyId, "ACCA", Class::Upper, 16, 16),
    format(Rule::GitHub, "ghp_", Class::Word, 30, ANY),
    format(Rule::GitHub, "gho_", Class::Word, 30, ANY),
    format(Rule::GitHub, "ghu_", Class::Word, 30, ANY),
    format(Rule::GitHub, "ghs_", Class::Word, 30, ANY),
    format(Rule::GitHub, "ghr_", Class::Word, 30, ANY),
    format(Rule::GitHub, "github_pat_", Class::Word, 22, ANY),
    format(Rule::GitLab, "glpat-", Class::Dot, 20, ANY),
    format(Rule::GitLab, "gldt-", Class::Dot, 20, ANY),
    format(Rule::GitLab, "glrt-", Class::Dot, 20, ANY),
    format(Rule::GitLab, "glptt-", Class::Dot, 20, ANY),
    format(Rule::GitLab, "glcbt-", Class::Dot, 20, ANY),
    format(Rule::GitLab, "glft-", Class::Dot, 20, ANY),
    format(Rule::GitLab, "glsoat-", Class::Dot, 20, ANY),
    format(Rule::GitLab, "glagent-", Class::Dot, 20, ANY),
    format(Rule::Google, "AIza", Class::Dash, 33, ANY),
    format(Rule::Gcp, "ya29.", Class::Dot, 20, ANY),
    format(Rule::Gcp, "GOCSPX-", Class::Dash, 20, ANY),
    format(Rule::Gcp, "1//0", Class::Dash, 40, ANY),
    format(Rule::Slack, "xoxb-", Class::Dash, 10, ANY),
    format(Rule::Slack, "xoxp-", Class::Dash, 10, ANY),
    format(Rule::Slack, "xoxa-", Class::Dash, 10, ANY),
    format(Rule::Slack, "xoxr-", Class::Dash, 10, ANY),
    format(Rule::Slack, "xoxs-", Class::Dash, 10, ANY),
    format(Rule::Slack, "xoxc-", Class::Dash, 10, ANY),
    format(Rule::Slack, "xoxd-", Class::Dash, 10, ANY),
    format(Rule::Slack, "xoxe-", Class::Dash, 10, ANY),
    format(Rule::Slack, "xoxe.", Class::Dot, 10, ANY),
    format(Rule::Slack, "xapp-", Class::Dash, 10, ANY),
    format(Rule::Stripe, "sk_live_", Class::Word, 10, ANY),
    format(Rule::Stripe, "sk_test_", Class::Word, 10, ANY),
    format(Rule::Stripe, "rk_live_", Class::Word, 10, ANY),
    format(Rule::Stripe, "rk_test_", Class::Word, 10, ANY),
    format(Rule::Stripe, "whsec_", Class::Word, 24, ANY),
    format(Rule::HuggingFace, "hf_", Class::Alnum, 30, 60),
    format(Rule::HuggingFace, "api_org_", Class::Alnum, 30, 60),
    format(Rule::Npm, "npm_", Class::Alnum, 30, 60),
    format(Rule::SendGrid, "SG.", Class::Dot, 40, ANY),
    format(Rule::Datadog, "ddapp_", Class::Alnum, 30, 60),
    format(Rule::Datadog, "ddpat_", Class::Word, 30, ANY),
    format(Rule::Azure, "JQQJ99", Class::Alnum, 20, ANY),
    format(Rule::ProviderKey, "gsk_", Class::Alnum, 40, 80),
    format(Rule::ProviderKey, "xai-", Class::Alnum, 60, 120),
    format(Rule::ProviderKey, "pplx-", Class::Alnum, 40, 80),
    format(Rule::ProviderKey, "nvapi-", Class::Dash, 40, ANY),
    format(Rule::ProviderKey, "r8_", Class::Alnum, 36, 40),
    format(Rule::ProviderKey, "fw_", Class::Alnum, 22, 40),
    format(Rule::ProviderKey, "lsv2_", Class::Word, 30, ANY),
    format(Rule::ProviderKey, "pypi-AgEI", Class::Dash, 50, ANY),
    format(Rule::ProviderKey, "dckr_pat_", Class::Dash, 20, ANY),
    format(Rule::ProviderKey, "dop_v1_", Class::Alnum, 60, 70),
    format(Rule::ProviderKey, "shpat_", Class::Alnum, 30, 40),
    format(Rule::ProviderKey, "lin_api_", Class::Alnum, 36, 60),
    format(Rule::ProviderKey, "glsa_", Class::Word, 36, ANY),
    format(Rule::ProviderKey, "hvs.", Class::Dash, 24, ANY),
    format(Rule::ProviderKey, "sbp_", Class::Alnum, 40, 40),
    format(Rule::ProviderKey, "dapi", Class::Alnum, 32, 34),
    format(Rule::ProviderKey, "tdr_", Class::Word, 30, ANY),
];

const ALNUM: u8 = 1;
const WORD: u8 = 2;
const DASH: u8 = 4;
const DOT: u8 = 8;
const UPPER: u8 = 16;

const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() {
            kinds[at] = ALNUM | WORD | DASH | DOT;
        }
        if byte.is_ascii_uppercase() || byte.is_ascii_digit() {
            kinds[at] |= UPPER;
        }
        at += 1;
    }
    kinds[b'_' as usize] = WORD | DASH | DOT;
    kinds[b'-' as usize] = DASH | DOT;
    kinds[b'.' as usize] = DOT;
    kinds
};

impl Class {
    fn bit(self) -> u8 {
        match self {
            Self::Alnum => ALNUM,
            Self::Word => WORD,
            Self::Dash => DASH,
            Self::Dot => DOT,
            Self::Upper => UPPER,
        }
    }
}

/// Where the latest run of each class ends, so that no run is measured twice.
#[derive(Debug, Default)]
pub(super) struct Runs {
    ends: [(usize, usize); 5],
}

impl Runs {
    /// The end of the run of `class` that begins at or before `from` and goes on there.
    pub(super) fn end(&mut self, bytes: &[u8], from: usize, class: Class, work: &mut u64) -> usize {
        let known = &mut self.ends[class as usize];
        if (known.0..known.1).contains(&from) {
            return known.1;
        }
        let bit = class.bit();
        let len = bytes[from..].iter().take_while(|b| KINDS[usize::from(**b)] & bit != 0).count();
        *work += len as u64;
        *known = (from, from + len);
        from + len
    }
}

/// Whether a token may begin at `at`: not in the middle of a word.
pub(super) fn begins(bytes: &[u8], at: usize) -> bool {
    at == 0 || !bytes[at - 1].is_ascii_alphanumeric()
}

/// Looks whether the format number `at` matches where its beginning was seen.
pub(super) fn find(text: &str, start: usize, at: usize, runs: &mut Runs, scratch: &mut Scratch) {
    let format = &FORMATS[at];
    let bytes = text.as_bytes();
    let from = start + format.prefix.len();
    // The words are found in any case, the formats are not.
    if bytes[start..from] != *format.prefix.as_bytes() || scratch.covered_inside(start) {
        return;
    }
    let inside_key = format.rule == Rule::Azure;
    if !inside_key && !begins(bytes, start) {
        return;
    }
    let mut end = runs.end(bytes, from, format.class, &mut scratch.work);
    while end > from && matches!(bytes[end - 1], b'.' | b'-') {
        end -= 1;
    }
    let len = end - from;
    if len < format.min || len > format.max {
        return;
    }
    let digit_within = from + len.min(DIGIT_REACH);
    if format.digit && !bytes[from..digit_within].iter().any(u8::is_ascii_digit) {
        return;
    }
    let mut start = start;
    if inside_key {
        let before = bytes[..start].iter().rev().take(AZURE_BEFORE).take_while(|b| b.is_ascii_alphanumeric());
        start -= before.count();
    }
    scratch.push(start, end, format.rule);
    if format.rule == Rule::AwsKeyId {
        aws_secret_after(bytes, end, scratch);
    }
}

const DIGIT_REACH: usize = 64;
const AZURE_BEFORE: usize = 60;
const AWS_SECRET_LEN: usize = 40;
const AWS_SECRET_REACH: usize = 64;

/// The 40 characters of base64 that often stand right after an AWS key id.
fn aws_secret_after(bytes: &[u8], from: usize, scratch: &mut Scratch) {
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let mut at = from;
    let limit = bytes.len().min(from + AWS_SECRET_REACH);
    while at < limit {
        let len = bytes[at..].iter().take(AWS_SECRET_LEN + 1).take_while(|b| is_base64(**b)).count();
        scratch.work += len as u64 + 1;
        if len == AWS_SECRET_LEN {
            scratch.push(at, at + len, Rule::AwsSecret);
            return;
        }
        at += len + 1;
    }
}
