//! Who is connected: the programs that have sent spans since a moment, and what they say about themselves.

use super::{View, listed};
use crate::columns::{Columns, text_at, word};
use crate::engine::Query;
use crate::error::QueryError;
use crate::limits::SENDERS_ASKED;
use crate::trace::is_trace;
use datafusion::common::ScalarValue;
use datafusion::prelude::col;
use store::Table;
use tundra_record::TraceId;

/// A program that sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the API's and explained there")]
pub struct Sender {
    pub service: String,
    pub source: String,
    pub spans: i64,
    pub first_trace_id: String,
    pub last_seen_ns: i64,
    /// Its resource attributes as JSON, if it sent some.
    pub resource_attrs: Option<String>,
    /// What Datadog's clients say about their language.
    pub language: Option<String>,
}

// Attributes are looked up afterwards, in one span of each: reading them here would read them all.
const SENDERS: &str = "SELECT service, source, count(*) AS spans, max(received_ns) AS last_seen,
  first_value(trace_id ORDER BY received_ns) AS first_trace
  FROM spans WHERE received_ns >= $since AND NOT sample AND service IS NOT NULL
  GROUP BY service, source ORDER BY last_seen DESC, service LIMIT $rows";

impl Query {
    /// Who has sent spans since a moment (of arrival), the latest first. Sample data does not count as a sender.
    pub async fn senders(&self, since_ns: i64) -> Result<Vec<Sender>, QueryError> {
        self.bounded(async {
            let view = self.view();
            let parameters = listed(vec![("since", ScalarValue::from(since_ns))]);
            let mut senders = Vec::new();
            for batch in view.rows(SENDERS, parameters).await? {
                let columns = Columns(&batch);
                for row in 0..batch.num_rows() {
                    senders.push(Sender {
                        service: columns.text("service")?.value(row).to_owned(),
                        source: columns.text("source")?.value(row).to_owned(),
                        spans: columns.int("spans")?.value(row),
                        first_trace_id: columns.text("first_trace")?.value(row).to_owned(),
                        last_seen_ns: columns.int("last_seen")?.value(row),
                        ..Sender::default()
                    });
                }
            }
            for sender in senders.iter_mut().take(SENDERS_ASKED) {
                view.ask(sender).await?;
            }
            Ok(senders)
        })
        .await
    }
}

impl View {
    /// Fills in what the sender's first trace says about it.
    async fn ask(&self, sender: &mut Sender) -> Result<(), QueryError> {
        let Ok(trace) = sender.first_trace_id.parse::<TraceId>() else { return Ok(()) };
        let own = is_trace(trace).and(col("service").eq(word(&sender.service)));
        for batch in self.read(Table::Spans, &["resource_attrs", "attrs"], own, 1).await? {
            let columns = Columns(&batch);
            let resources = columns.text("resource_attrs")?;
            for row in 0..batch.num_rows() {
                sender.resource_attrs = sender.resource_attrs.take().or_else(|| text_at(&resources, row));
                let attrs = columns.map("attrs", row)?;
                let language = attrs.into_iter().find(|(key, _)| key == "language");
                sender.language = sender.language.take().or(language.map(|(_, language)| language));
            }
        }
        Ok(())
    }
}
