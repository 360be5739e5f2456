//! Spans that events and traces both tell, hot and from files.

use crate::stats::Range;
use crate::testing::{House, SECOND, ZERO, call, span};
use futures::TryStreamExt;
use tundra_record::llm::Understood;
use tundra_record::{SpanId, TraceId};

async fn count(house: &House, sql: &str) -> String {
    let pieces: Vec<bytes::Bytes> = house.query.sql(sql, None).await.unwrap().try_collect().await.unwrap();
    String::from_utf8(pieces.concat()).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_span_that_an_event_and_the_trace_tell_counts_once() {
    let house = House::new().await;
    let told = |mut span: tundra_record::Span<'static>| {
        span.attrs = vec![("meta_struct._llmobs".into(), "{}".into())];
        span
    };
    let chat = span(1, 12, Some(10), "chat", 300, 400);
    let known = call(&chat, "gpt-4o", (100, 20), Some(5_000));
    house
        .add_told("bot", vec![(told(chat.clone()), Some(known)), (span(1, 10, None, "run", 0, 900), None)])
        .await;
    let alone = span(3, 30, None, "alone", 5 * SECOND, 40);
    house.add_told("bot", vec![(alone, None)]).await;
    for round in ["events only", "and traces", "in files", "merged"] {
        let both = round != "events only";
        if round == "and traces" {
            let mut shadow = call(&chat, "gpt-4o", (100, 20), None);
            if let Some(call) = &mut shadow.call {
                call.shadow = true;
            }
            shadow.messages.clear();
            let apm = vec![
                (span(1, 9, None, "web.request", 0, 1_000), None::<Understood>),
                (span(1, 10, Some(9), "run", 0, 900), None),
                (span(1, 12, Some(11), "chat", 300, 400), Some(shadow)),
                (span(1, 11, Some(10), "http", 290, 500), None),
            ];
            house.add("bot", apm).await;
        }
        if round == "in files" {
            house.store.flush().await.unwrap();
        }
        let spans = if both { 5 } else { 3 };
        assert_eq!(
            count(&house, "SELECT count(*) AS n FROM spans").await,
            format!("{{\"n\":{spans}}}"),
            "{round}"
        );
        let of_trace = "SELECT count(*) AS n FROM spans WHERE trace_id = '00000000000000000000000000000001'";
        assert_eq!(count(&house, of_trace).await, format!("{{\"n\":{}}}", spans - 1), "{round}");
        let kept = "SELECT name, parent_id FROM spans WHERE span_id = '000000000000000c' AND duration_ns > 1";
        let parent = if both { "000000000000000b" } else { "000000000000000a" };
        assert_eq!(
            count(&house, kept).await,
            format!("{{\"name\":\"chat\",\"parent_id\":\"{parent}\"}}"),
            "{round}"
        );
        assert_eq!(
            count(&house, "SELECT name FROM spans WHERE span_id = '000000000000001e'").await,
            "{\"name\":\"alone\"}"
        );
        let range = Range { from_ns: ZERO, to_ns: ZERO + 10 * SECOND };
        let overview = house.query.overview(range).await.unwrap();
        assert_eq!(
            (overview.spans, overview.llm.calls, overview.llm.cost_pusd),
            (spans, 1, Some(5_000)),
            "{round}"
        );
        assert_eq!(overview.services[0].spans, spans, "{round}");
        let skeleton = house.query.trace(TraceId(1)).await.unwrap().unwrap();
        assert_eq!(skeleton.span_id, if both { vec![9, 10, 11, 12] } else { vec![10, 12] }, "{round}");
        assert_eq!(skeleton.spent.calls, 1, "{round}");
        let detail = house.query.span(TraceId(1), SpanId(12)).await.unwrap().unwrap();
        assert_eq!(detail.parent_id.as_deref(), Some(parent), "{round}");
        assert!(
            detail.attrs.iter().chain(&detail.content).any(|(key, _)| key == "meta_struct._llmobs"),
            "{round}: the event is lost"
        );
        assert_eq!(detail.llm.unwrap().messages.len(), 2, "{round}");
    }
}
