//! From what the environment says about back ends to exporters.
//!
//! Only settings are looked at here; no address is tried, and nothing is sent.

use super::{Builder, Cause, Error};
use crate::export::{DatadogAgent, DogStatsD, EndpointError, JsonLines, Otlp, Signal};

impl Builder {
    /// The exporters that the environment asks for: OTLP at `OTEL_EXPORTER_OTLP_ENDPOINT` or where the signals' own
    /// variables say, a Datadog Agent at `DD_TRACE_AGENT_URL`, or at `DD_AGENT_HOST` and `DD_TRACE_AGENT_PORT` (one of the two
    /// is enough: `localhost` and 8126 stand for the other), DogStatsD at `DD_DOGSTATSD_URL` or beside
    /// the Agent. With neither OTLP nor Agent: Datadog's OTLP intake if there is a `DD_API_KEY` (and `DD_SITE`) and feature
    /// `tls` is on, else OTLP at `http://localhost:4318`. `OTEL_TRACES_EXPORTER`, `OTEL_LOGS_EXPORTER` and
    /// `OTEL_METRICS_EXPORTER` say `none` or `console` for what shall not go by OTLP.
    pub fn exporters_from_environment(mut self) -> Result<Self, Error> {
        if !cfg!(feature = "enabled") || self.environment.disabled {
            return Ok(self);
        }
        let agent = self.environment.agent();
        let wanted = self.environment.otlp.wanted(agent.is_some());
        let metrics_by_otlp = self.environment.otlp.has_endpoint() && wanted[2];
        if let Some(url) = &agent {
            let said = &self.environment;
            let agent = DatadogAgent::new(url).map_err(said_by(said.agent_variables()))?;
            let agent = agent
                .client_stats(said.client_stats)
                .prefer_v05(said.prefers_v05)
                .remote_config(said.remote_config);
            self.exporters.push(Box::new(match &said.llm_app {
                Some(name) => agent.llm_app(name),
                None => agent,
            }));
        }
        if let Some(url) = self.environment.statsd(!metrics_by_otlp) {
            let statsd = DogStatsD::new(&url).map_err(said_by(self.environment.statsd_variables()))?;
            self.exporters.push(Box::new(statsd));
        }
        if wanted.contains(&true) {
            let exporter = self.otlp()?.only(wanted);
            self.exporters.push(Box::new(exporter));
        }
        let console = self.environment.otlp.console();
        if console.contains(&true) {
            self.exporters.push(Box::new(JsonLines::stdout().only(console)));
        }
        Ok(self)
    }

    /// OTLP to where the environment says, to Datadog if there is only a key, else to this machine.
    fn otlp(&self) -> Result<Otlp, Error> {
        let said = &self.environment;
        if let (false, Some(key), true) = (said.otlp.has_endpoint(), &said.api_key, cfg!(feature = "tls")) {
            let site = said.site.as_deref().unwrap_or("datadoghq.com");
            return Otlp::datadog(site, key).map_err(said_by("`DD_API_KEY` or `DD_SITE`"));
        }
        let url = said.otlp.endpoint.as_deref().unwrap_or("http://localhost:4318");
        let mut otlp = Otlp::new(url).map_err(said_by("`OTEL_EXPORTER_OTLP_ENDPOINT`"))?;
        for (signal, said) in Signal::ALL.into_iter().zip(&said.otlp.signals) {
            if let Some(url) = &said.endpoint {
                otlp = otlp.endpoint_for(signal, url).map_err(said_by(endpoint_variable(signal)))?;
            }
            for (name, value) in &said.headers {
                otlp =
                    otlp.header_for(signal, name, value).map_err(said_by("`OTEL_EXPORTER_OTLP_HEADERS`"))?;
            }
            otlp = otlp.tune(signal, said.gzip, said.timeout);
        }
        #[cfg(feature = "tls")]
        return certified(otlp, &said.otlp.signals).map_err(said_by("`OTEL_EXPORTER_OTLP_CERTIFICATE`"));
        #[cfg(not(feature = "tls"))]
        Ok(otlp)
    }
}

fn endpoint_variable(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`",
        Signal::Logs => "`OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`",
        Signal::Metrics => "`OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`",
    }
}

/// The error of an address that these variables made.
fn said_by(variables: &'static str) -> impl FnOnce(EndpointError) -> Error {
    move |source| Cause::Variable { variables, source }.into()
}

/// With the root certificates that the environment names.
#[cfg(feature = "tls")]
fn certified(mut otlp: Otlp, signals: &[crate::env::OtlpSignal; 3]) -> Result<Otlp, EndpointError> {
    let read = |path: &String| std::fs::read(path).map_err(|_| EndpointError::Certificate);
    // One file for all signals is read once, so that they can share a connection's settings.
    if let [Some(path), rest @ ..] = signals.each_ref().map(|signal| signal.certificate.as_ref())
        && rest.iter().all(|other| *other == Some(path))
    {
        return otlp.root_certificates(&read(path)?);
    }
    for (signal, said) in Signal::ALL.into_iter().zip(signals) {
        if let Some(path) = &said.certificate {
            otlp = otlp.root_certificates_for(signal, &read(path)?)?;
        }
    }
    Ok(otlp)
}

#[cfg(test)]
mod tests {
    use crate::builder::from_environment;
    use crate::env::Environment;

    #[test]
    fn errors_name_their_variable() {
        let check = |name: &str, value: &str, expect: &str| {
            let find = |asked: &str| (asked == name).then(|| value.to_owned());
            let made = from_environment(Environment::from_lookup(find)).exporters_from_environment();
            assert_eq!(made.expect_err(name).to_string(), expect);
        };
        let form = "use `http://host:port` or `unix:///path`";
        check(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "localhost:4318",
            &format!("`OTEL_EXPORTER_OTLP_ENDPOINT`: `localhost:4318` is no endpoint: {form}"),
        );
        check(
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
            "logs",
            &format!("`OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`: `logs` is no endpoint: {form}"),
        );
        check(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "Authorization: Basic dXNlcjpwYTU1==",
            "`OTEL_EXPORTER_OTLP_HEADERS`: header `Authorization` cannot be sent: names and values must be visible ASCII, \
             as in `name=value`",
        );
        check(
            "DD_TRACE_AGENT_URL",
            "agent:8126",
            &format!("`DD_TRACE_AGENT_URL`: `agent:8126` is no endpoint: {form}"),
        );
        check(
            "DD_TRACE_AGENT_PORT",
            "99999",
            &format!(
                "`DD_AGENT_HOST` or `DD_TRACE_AGENT_PORT`: `http://localhost:99999` is no endpoint: {form}"
            ),
        );
        check(
            "DD_DOGSTATSD_PORT",
            "no",
            "`DD_DOGSTATSD_HOST` or `DD_DOGSTATSD_PORT`: `udp://localhost:no` is no DogStatsD address: use `udp://host:port` or `unix:///path`",
        );
        check(
            "DD_AGENT_HOST",
            "http://agent",
            "`DD_AGENT_HOST` or `DD_TRACE_AGENT_PORT`: `http://http://agent:8126` is no endpoint: use `http://host:port` or `unix:///path`",
        );
    }
}
