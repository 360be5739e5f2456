//! A program that records anything: every kind of field, value and call site that exporters tell apart, at random.
//!
//! Tests that compare two ways of writing the same records use it.

use tracing::field::Empty;
use tracing::{Level, Span, debug, error, event, info, info_span, warn};

/// The same numbers for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn text(&mut self) -> String {
        const TEXTS: [&str; 10] = [
            "",
            "a",
            "gpt-4o-2024-08-06",
            "über ✓ alles",
            "write to jane.doe@example.com",
            "card 4111 1111 1111 1111",
            "{\"password\":\"hunter22\"}",
            "the quick brown fox jumps over the lazy dog and rests",
            "500",
            "server",
        ];
        match self.roll(30) {
            0 => "long ".repeat(40),
            1 => "longer than two bytes can say ".repeat(1000),
            // Where the heads of lengths change their width, here or there.
            2 => "t".repeat([31, 32, 119, 127, 128, 255, 256, 4095, 65_535, 65_536][self.roll(10)]),
            at => TEXTS[at % TEXTS.len()].to_owned(),
        }
    }

    fn int(&mut self) -> i64 {
        [0, 1, -1, 127, 128, -33, 70_000, i64::MAX, i64::MIN][self.roll(9)]
    }

    fn double(&mut self) -> f64 {
        [0.0, 0.7, -1.5e300, 3.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE][self.roll(8)]
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it broke")]
struct Broken;

fn span(dice: &mut Dice) -> Span {
    let (text, n, f, yes) = (dice.text(), dice.int(), dice.double(), dice.roll(2) == 0);
    let text = text.as_str();
    match dice.roll(25) {
        22 => info_span!("perhaps", some = Some(n), none = None::<i64>, told = Some(text), yes),
        23 => {
            info_span!("wide", n128 = i128::from(n), u = n as u64, small = n as u8, message = text, name = f)
        }
        24 => info_span!(
            "reserved",
            service = text,
            name = n,
            r#resource = text,
            trace_id = n,
            span_id = text,
            error.message = text,
            r#type = yes
        ),
        0 => info_span!("empty"),
        1 => info_span!("special kind", otel.kind = text, n),
        2 => info_span!("special name", otel.name = text, yes),
        3 => info_span!("own service", service.name = text, n),
        4 => info_span!("model call", gen_ai.operation.name = "chat", gen_ai.input.messages = text),
        5 => info_span!("failing", error = text, f),
        6 => info_span!("failing value", cause = &Broken as &(dyn std::error::Error + 'static)),
        7 => info_span!("large", large = n as u64, size = u64::MAX),
        8 => info_span!("secrets", password = text, token = n, user.id = text, api_key = f),
        9 => info_span!("route", http.route = text, http.status_code = n),
        10 => info_span!("shared", env = text, process.pid = n, host.name = text),
        11 => info_span!("raw", r#type = text, span.r#type = n),
        12 => info_span!("jane.doe@example.com", text),
        13 => info_span!("says so", span.r#type = text, _dd.measured = 1, language = "de"),
        14 => info_span!("a name of some length", a_field_with_a_rather_long_name_for_a_field = text, n),
        15 => {
            let span = info_span!("late", text = Empty, n = Empty, yes);
            for _ in 0..dice.roll(3) {
                span.record("text", dice.text());
                span.record("n", dice.int());
            }
            span
        }
        _ => info_span!("plain", model = text, n, f, yes, shown = ?text, told = %n),
    }
}

fn log(dice: &mut Dice) {
    let (text, n, f, yes) = (dice.text(), dice.int(), dice.double(), dice.roll(2) == 0);
    let text = text.as_str();
    match dice.roll(18) {
        14 => event!(name: "gen_ai.user.message", Level::INFO, content = text, n),
        15 => event!(name: "gen_ai.choice", Level::INFO, n, "{text}"),
        16 => info!(some = Some(n), none = None::<&str>, r#type = text, r#message = text),
        17 => event!(name: "gen_ai.tool.message", Level::ERROR, message = text),
        0 => info!("nothing else"),
        1 => error!(error = text, "it failed"),
        2 => error!(n, "no reason given"),
        3 => warn!(error = text, "it may fail"),
        4 => event!(name: "named.event", Level::INFO, n, text),
        5 => info!(target: "jane.doe@example.com", n, "another target"),
        6 => info!(message = n, f),
        7 => info!(password = text, token = n, "secrets"),
        8 => info!(large = u64::MAX, yes),
        9 => debug!(log.target = text, log.line = n, "from another world"),
        10 => info!(gen_ai.prompt = text, gen_ai.usage.input_tokens = n),
        _ => info!(n, f, yes, text, "said {text}"),
    }
}

/// Some spans inside each other, and events.
pub(crate) fn anything(dice: &mut Dice, depth: usize) {
    for _ in 0..=dice.roll(3) {
        log(dice);
        if depth > 0 {
            span(dice).in_scope(|| anything(dice, depth - 1));
        }
    }
}
