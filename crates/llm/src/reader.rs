//! The door of this room for `intake`: one span or log record in, what it means out.

use crate::detect::{Families, families};
use crate::dialect;
use crate::draft::identity;
use crate::prices::Prices;
use tundra_record::llm::Understood;
use tundra_record::{LogRecord, Resource, Scope, Span};

/// Understands records. Keep one for the life of the process and share it: it only caches prices.
#[derive(Debug)]
pub struct Reader {
    prices: Prices,
}

impl Reader {
    /// A reader that prices calls by these prices.
    pub fn new(prices: Prices) -> Self {
        Self { prices }
    }

    /// The prices, to warm them or to price a call made elsewhere (the gateway's).
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// What a span means; `None` for the many that have nothing to do with models.
    #[inline]
    pub fn span(&self, _resource: &Resource<'_>, scope: &Scope<'_>, span: &Span<'_>) -> Option<Understood> {
        let found = families(&scope.name, &span.attrs);
        if found.is_none() {
            return None;
        }
        match dialect::span(found, scope, span) {
            Some(draft) => Some(draft.finish(&self.prices)),
            None => identity(&span.attrs),
        }
    }

    /// What a log record means; `None` for ordinary log lines.
    #[inline]
    pub fn log(
        &self,
        _resource: &Resource<'_>,
        scope: &Scope<'_>,
        log: &LogRecord<'_>,
    ) -> Option<Understood> {
        let found = families(&scope.name, &log.attrs);
        let named = log.event_name.starts_with("gen_ai.") || log.event_name == dialect::datadog::EVALUATION;
        if found.is_none() && !named {
            return None;
        }
        if !named && found == Families::IDENTITY {
            return identity(&log.attrs);
        }
        dialect::log(found, scope, log).map(|draft| draft.finish(&self.prices))
    }
}
