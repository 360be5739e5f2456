//! Where vendors take OTLP, and what they call the key: an endpoint and header names each, nothing more. All of them need
//! feature `tls`.

use super::endpoint::EndpointError;
use super::otlp::Otlp;
use base64::Engine;

impl Otlp {
    /// Datadog without an Agent, at its OTLP intake `https://otlp.<site>`; `site` as in `DD_SITE` (`datadoghq.com`,
    /// `datadoghq.eu`, ...). LLM spans go a second time with the header by which Datadog's LLM product takes them.
    ///
    /// ```
    /// # #[cfg(feature = "tls")]
    /// let datadog = tundra::Otlp::datadog("datadoghq.eu", "key")?;
    /// # Ok::<(), tundra::EndpointError>(())
    /// ```
    pub fn datadog(site: &str, api_key: &str) -> Result<Self, EndpointError> {
        let otlp = Self::new(&format!("https://otlp.{site}"))?.header("dd-api-key", api_key)?;
        Ok(otlp.copy_llm_spans("dd-otlp-source", "llmobs"))
    }

    /// Honeycomb; in Europe, [`Otlp::new`] with `https://api.eu1.honeycomb.io` and the same header, `x-honeycomb-team`.
    pub fn honeycomb(api_key: &str) -> Result<Self, EndpointError> {
        Self::new("https://api.honeycomb.io")?.header("x-honeycomb-team", api_key)
    }

    /// New Relic; in Europe, [`Otlp::new`] with `https://otlp.eu01.nr-data.net` and the same header, `api-key`.
    pub fn new_relic(license_key: &str) -> Result<Self, EndpointError> {
        Self::new("https://otlp.nr-data.net")?.header("api-key", license_key)
    }

    /// Grafana Cloud: the zone of the stack (`prod-eu-west-2`), its instance number and a token.
    pub fn grafana_cloud(zone: &str, instance: &str, token: &str) -> Result<Self, EndpointError> {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{instance}:{token}"));
        let url = format!("https://otlp-gateway-{zone}.grafana.net/otlp");
        Self::new(&url)?.header("Authorization", &format!("Basic {pair}"))
    }

    /// Sentry, from the project's DSN (`https://<key>@<host>/<project>`). Sentry takes traces and logs.
    pub fn sentry(dsn: &str) -> Result<Self, EndpointError> {
        let form = || EndpointError::Form { url: "a Sentry DSN".to_owned() };
        let (scheme, rest) = dsn.split_once("://").ok_or_else(form)?;
        let (key, rest) = rest.split_once('@').ok_or_else(form)?;
        let (host, project) = rest.rsplit_once('/').ok_or_else(form)?;
        let key = key.split(':').next().unwrap_or_default();
        if key.is_empty() || project.is_empty() {
            return Err(form());
        }
        let otlp = Self::new(&format!("{scheme}://{host}/api/{project}/integration/otlp"))?;
        otlp.header("x-sentry-auth", &format!("sentry sentry_key={key}"))
    }
}
