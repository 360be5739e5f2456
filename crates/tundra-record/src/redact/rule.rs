//! The built-in rules: stable ids and labels. The table may name vendors; how each is found stands beside its
//! kind (`mail`, `number`, `address`, `token`, `literal`). Used by everything in `redact`.

/// A built-in rule; its number indexes counts, actions and labels. Rules of the user follow after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Rule {
    Email,
    Phone,
    Card,
    Iban,
    Ssn,
    Ip,
    Mac,
    Jwt,
    PrivateKey,
    UrlCredentials,
    Authorization,
    Password,
    Secret,
    Cookie,
    OpenAi,
    Anthropic,
    AwsKeyId,
    AwsSecret,
    GitHub,
    GitLab,
    Google,
    Gcp,
    Azure,
    Slack,
    SlackWebhook,
    Stripe,
    HuggingFace,
    Npm,
    SendGrid,
    Datadog,
    ProviderKey,
    Oversize,
    Unscannable,
}

/// Id and label of every built-in rule, in the order of their numbers.
pub(super) const RULES: [(Rule, &str, &str); 33] = [
    (Rule::Email, "email", "EMAIL"),
    (Rule::Phone, "phone", "PHONE"),
    (Rule::Card, "card", "CARD"),
    (Rule::Iban, "iban", "IBAN"),
    (Rule::Ssn, "us-ssn", "SSN"),
    (Rule::Ip, "ip", "IP"),
    (Rule::Mac, "mac", "MAC"),
    (Rule::Jwt, "jwt", "JWT"),
    (Rule::PrivateKey, "private-key", "PRIVATE_KEY"),
    (Rule::UrlCredentials, "url-credentials", "URL_CREDENTIALS"),
    (Rule::Authorization, "authorization", "AUTHORIZATION"),
    (Rule::Password, "password", "PASSWORD"),
    (Rule::Secret, "secret", "SECRET"),
    (Rule::Cookie, "cookie", "COOKIE"),
    (Rule::OpenAi, "openai-key", "OPENAI_KEY"),
    (Rule::Anthropic, "anthropic-key", "ANTHROPIC_KEY"),
    (Rule::AwsKeyId, "aws-key-id", "AWS_KEY_ID"),
    (Rule::AwsSecret, "aws-secret", "AWS_SECRET"),
    (Rule::GitHub, "github-token", "GITHUB_TOKEN"),
    (Rule::GitLab, "gitlab-token", "GITLAB_TOKEN"),
    (Rule::Google, "google-api-key", "GOOGLE_API_KEY"),
    (Rule::Gcp, "gcp-credential", "GCP_CREDENTIAL"),
    (Rule::Azure, "azure-key", "AZURE_KEY"),
    (Rule::Slack, "slack-token", "SLACK_TOKEN"),
    (Rule::SlackWebhook, "slack-webhook", "SLACK_WEBHOOK"),
    (Rule::Stripe, "stripe-key", "STRIPE_KEY"),
    (Rule::HuggingFace, "huggingface-token", "HUGGINGFACE_TOKEN"),
    (Rule::Npm, "npm-token", "NPM_TOKEN"),
    (Rule::SendGrid, "sendgrid-key", "SENDGRID_KEY"),
    (Rule::Datadog, "datadog-key", "DATADOG_KEY"),
    (Rule::ProviderKey, "provider-key", "API_KEY"),
    (Rule::Oversize, "oversize", "OVERSIZE"),
    (Rule::Unscannable, "unscannable", "UNSCANNABLE"),
];

impl Rule {
    /// Where the rule stands in counts, actions and labels.
    pub(super) fn index(self) -> u16 {
        self as u16
    }
}
