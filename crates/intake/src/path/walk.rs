//! The sink that decoders drive: each record is redacted, then understood, then put into the batch.

use std::collections::BTreeMap;
use store::Batch;
use tundra_record::redact::{Pass, Redactor};
use tundra_record::{LogRecord, MetricPoint, Reject, Resource, Scope, Sink, Span, value};

/// One request on its way from bytes to columns.
pub(super) struct Walk<'i> {
    pass: Pass<'i>,
    reader: &'i llm::Reader,
    batch: Box<Batch>,
    /// Redacted copies of what the following records belong to: `llm` needs them to understand a record.
    resource: Resource<'static>,
    scope: Scope<'static>,
    records: u64,
    rejected: BTreeMap<&'static str, u64>,
}

/// What came of it.
pub(super) struct Walked {
    pub(super) batch: Box<Batch>,
    pub(super) records: u64,
    pub(super) rejected: Vec<(&'static str, u64)>,
}

impl<'i> Walk<'i> {
    pub(super) fn new(redactor: &'i Redactor, reader: &'i llm::Reader, batch: Box<Batch>) -> Self {
        Self {
            pass: Pass::new(redactor),
            reader,
            batch,
            resource: Resource::default(),
            scope: Scope::default(),
            records: 0,
            rejected: BTreeMap::new(),
        }
    }

    pub(super) fn finish(self) -> Walked {
        Walked { batch: self.batch, records: self.records, rejected: self.rejected.into_iter().collect() }
    }
}

impl Sink for Walk<'_> {
    fn resource(&mut self, resource: &mut Resource<'_>) {
        let clean = self.pass.resource(resource);
        self.batch.resource(&clean);
        self.resource = Resource { attrs: value::into_owned(clean.get().attrs.clone()) };
    }

    fn scope(&mut self, scope: &mut Scope<'_>) {
        let clean = self.pass.scope(scope);
        self.batch.scope(&clean);
        let scope = clean.get();
        self.scope = Scope { name: scope.name.to_string().into(), version: scope.version.to_string().into() };
    }

    fn span(&mut self, span: &mut Span<'_>) {
        let clean = self.pass.span(span);
        let understood = clean.derive(|span| self.reader.span(&self.resource, &self.scope, span)).transpose();
        self.batch.span(&clean, understood.as_ref());
        self.records += 1;
    }

    fn log(&mut self, log: &mut LogRecord<'_>) {
        let clean = self.pass.log(log);
        let understood = clean.derive(|log| self.reader.log(&self.resource, &self.scope, log)).transpose();
        self.batch.log(&clean, understood.as_ref());
        self.records += 1;
    }

    fn metric(&mut self, point: &mut MetricPoint<'_>) {
        let clean = self.pass.metric(point);
        self.batch.metric(&clean);
        self.records += 1;
    }

    fn reject(&mut self, reason: Reject) {
        *self.rejected.entry(reason.as_str()).or_default() += 1;
    }
}
