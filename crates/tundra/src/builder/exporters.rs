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
        let endpoint = |source| Error(Cause::Endpoint { source });
        let agent = self.environment.agent();
        let wanted = self.environment.otlp.wanted(agent.is_some());
        let metrics_by_otlp = self.environment.otlp.has_endpoint() && wanted[2];
        if let Some(url) = self.environment.statsd(!metrics_by_otlp) {
            self.exporters.push(Box::new(DogStatsD::new(&url).map_err(endpoint)?));
        }
        if let Some(url) = &agent {
            let said = &self.environment;
            let agent = DatadogAgent::new(url).map_err(endpoint)?.client_stats(said.client_stats);
            let agent = agent.prefer_v05(said.prefers_v05).remote_config(said.remote_config);
            self.exporters.push(Box::new(match &said.llm_app {
                Some(name) => agent.llm_app(name),
                None => agent,
            }));
        }
        if wanted.contains(&true) {
            let exporter = self.otlp().map_err(endpoint)?.only(wanted);
            self.exporters.push(Box::new(exporter));
        }
        let console = self.environment.otlp.console();
        if console.contains(&true) {
            self.exporters.push(Box::new(JsonLines::stdout().only(console)));
        }
        Ok(self)
    }

    /// OTLP to where the environment says, to Datadog if there is only a key, else to this machine.
    fn otlp(&self) -> Result<Otlp, EndpointError> {
        let said = &self.environment;
        if let (false, Some(key), true) = (said.otlp.has_endpoint(), &said.api_key, cfg!(feature = "tls")) {
            return Otlp::datadog(said.site.as_deref().unwrap_or("datadoghq.com"), key);
        }
        let mut otlp = Otlp::new(said.otlp.endpoint.as_deref().unwrap_or("http://localhost:4318"))?;
        for (signal, said) in Signal::ALL.into_iter().zip(&said.otlp.signals) {
            if let Some(url) = &said.endpoint {
                otlp = otlp.endpoint_for(signal, url)?;
            }
            for (name, value) in &said.headers {
                otlp = otlp.header_for(signal, name, value)?;
            }
            otlp = otlp.tune(signal, said.gzip, said.timeout);
        }
        #[cfg(feature = "tls")]
        return certified(otlp, &said.otlp.signals);
        #[cfg(not(feature = "tls"))]
        Ok(otlp)
    }
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
