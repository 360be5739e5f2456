//! The referee: sides take turns, round by round, and what comes out is put into tables.
//!
//! A round is some milliseconds, so neighbors on the machine disturb all sides alike; a ratio is the middle of the
//! ratios of single rounds. *Least* is the least burst of all rounds, *middle* the middle of the rounds' middles. Warm
//! figures are compared by their least, for whatever else runs can only add to it.

use crate::children::{Service, Sided, once};
use crate::page::{Page, number};
use crate::sink;
use std::collections::BTreeMap;

type Asked = BTreeMap<(&'static str, &'static str), Vec<Vec<f64>>>;

/// The middle of some numbers.
fn middle(mut values: Vec<f64>) -> f64 {
    values.retain(|value| !value.is_nan());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How far the middle may be off: one standard error, by the middle deviation.
fn error(values: &[f64]) -> f64 {
    let center = middle(values.to_vec());
    let deviation = middle(values.iter().map(|value| (value - center).abs()).collect());
    1.2533 * 1.4826 * deviation / (values.len() as f64).sqrt()
}

/// Lets all sides answer all rows, taking turns.
fn take_turns(sides: &[&'static str], rows: &[&'static str], rounds: usize, sink: &str) -> Asked {
    let mut children: Vec<Sided> = sides.iter().filter_map(|name| Sided::start(name, sink).ok()).collect();
    let mut asked = Asked::new();
    for round in 0..rounds {
        for row in rows {
            let count = children.len();
            for at in 0..count {
                let child = &mut children[(at + round) % count];
                let numbers = child.round(row).unwrap_or_default();
                asked.entry((*row, child.name)).or_default().push(numbers);
            }
        }
        eprintln!("round {} of {rounds}: {}", round + 1, rows.join(" "));
    }
    asked
}

/// Number `at` of every round.
fn column(asked: &Asked, row: &'static str, side: &'static str, at: usize) -> Vec<f64> {
    let rounds = asked.get(&(row, side)).map_or(&[][..], Vec::as_slice);
    rounds.iter().map(|numbers| numbers.get(at).copied().unwrap_or(f64::NAN)).collect()
}

fn least(values: Vec<f64>) -> f64 {
    values.into_iter().fold(f64::NAN, f64::min)
}

/// How many times more the peer takes, by the middle of the rounds' ratios.
fn ratio(asked: &Asked, row: &'static str, peer: &'static str, own: &'static str, at: usize) -> f64 {
    let pairs = column(asked, row, peer, at).into_iter().zip(column(asked, row, own, at));
    middle(pairs.map(|(peer, own)| peer / own).collect())
}

/// One figure of the comparison: row, name, goals (own, layer), and which number is compared.
type Line = (&'static str, &'static str, Option<f64>, Option<f64>);

/// `at` says which number is compared: the least of a round, or its middle.
fn lines(page: &mut Page, asked: &Asked, peers: &[&'static str], lines: &[Line], at: usize) {
    // The least of all rounds, or the middle of all.
    let sum_up = |values: Vec<f64>| if at == 0 { least(values) } else { middle(values) };
    for (row, what, goal, layer_goal) in lines {
        let of = |side| sum_up(column(asked, row, side, at));
        let goals: Vec<String> = [goal, layer_goal].into_iter().flatten().copied().map(number).collect();
        let mut cells = vec![format!("{what}, ns"), goals.join(", layer ")];
        let both = [0, 1].map(|at| column(asked, row, "tundra", at));
        let [low, mid] = both;
        cells.push(format!("{} / {}", number(least(low)), number(middle(mid))));
        page.judge(what, of("tundra"), "ns", *goal);
        for peer in peers {
            let (value, ratio) = (of(peer), ratio(asked, row, peer, "tundra", at));
            cells.push(if value.is_nan() {
                "-".into()
            } else {
                format!("{} ({}×)", number(value), number(ratio))
            });
            match *peer {
                "layer" => page.judge(&format!("{what}, as a layer"), value, "ns", *layer_goal),
                "none" | "registry" => {}
                _ => page.compare(what, peer, ratio),
            }
        }
        page.row(&cells);
    }
}

const PEERS: [&str; 8] =
    ["layer", "fastrace", "fastrace_span", "otel", "tracing_otel", "datadog", "registry", "none"];

fn spans(page: &mut Page, scale: f64, sink: &str) {
    let sides = [&["tundra"][..], &PEERS].concat();
    let rounds = |count: f64| (count * scale).ceil() as usize;
    let warm = take_turns(&sides, &["span0", "span4", "event", "poll"], rounds(25.0), sink);
    let cold = take_turns(&sides, &["cold0", "cold4"], rounds(15.0), sink);
    let held = take_turns(&sides, &["held"], 1, sink);
    page.paragraph("### Spans and events");
    page.table(&[
        "figure",
        "goal",
        "Tundra, least / middle",
        "Tundra as a layer",
        "fastrace `LocalSpan`",
        "fastrace `Span`",
        "OpenTelemetry SDK",
        "tracing-opentelemetry",
        "datadog-opentelemetry",
        "empty `Registry`",
        "no subscriber",
    ]);
    let rows: [Line; 4] = [
        ("span0", "span, 0 fields, warm", Some(27.0), None),
        ("span4", "span, 4 fields, warm", Some(38.0), Some(180.0)),
        ("event", "event, 2 fields", Some(40.0), None),
        ("poll", "poll of an instrumented future", Some(5.0), None),
    ];
    lines(page, &warm, &PEERS, &rows, 0);
    let rows: [Line; 2] = [
        ("cold0", "span, 0 fields, cold caches", Some(120.0), None),
        ("cold4", "span, 4 fields, cold caches", Some(175.0), None),
    ];
    lines(page, &cold, &PEERS, &rows, 1);
    let counted = |page: &mut Page, asked: &Asked, row, at, what: &str, goal: Option<f64>| {
        let of = |side| middle(column(asked, row, side, at));
        let mut cells = vec![what.to_owned(), goal.map_or(String::new(), number), number(of("tundra"))];
        cells.extend(PEERS.iter().map(|peer| number(of(peer))));
        page.judge(what, of("tundra"), "", goal);
        page.row(&cells);
    };
    counted(page, &warm, "span4", 2, "allocations per span, 4 fields", Some(0.0));
    counted(page, &warm, "span4", 3, "bytes allocated per span, 4 fields", None);
    counted(page, &held, "held", 0, "bytes of heap per open span, 1 field", Some(256.5));
    counted(page, &held, "held", 1, "bytes of its handle", None);
    let clock = middle(column(&cold, "cold0", "none", 2));
    page.paragraph(&format!(
        "Peers: the least when warm, the middle with cold caches. With cold caches *least* is the 5th percentile, and the \
         clock's own {} ns are in all figures.",
        number(clock)
    ));
}

fn metrics(page: &mut Page, scale: f64, sink: &str) {
    const PEERS: [&str; 3] = ["metrics_prometheus", "metrics_dogstatsd", "metrics_otel"];
    let sides = [&["tundra"][..], &PEERS].concat();
    let asked = take_turns(&sides, &["counter", "histogram"], (25.0 * scale).ceil() as usize, sink);
    page.paragraph("### Metrics: three labels written at the call site");
    page.table(&[
        "figure",
        "goal",
        "Tundra, least / middle",
        "`metrics` + Prometheus",
        "`metrics` + DogStatsD",
        "OpenTelemetry SDK",
    ]);
    let rows: [Line; 2] =
        [("counter", "counter", Some(3.0), None), ("histogram", "histogram", Some(6.0), None)];
    lines(page, &asked, &PEERS, &rows, 0);
}

fn background(page: &mut Page, scale: f64, sink: &str) {
    const SIDES: [&str; 6] = [
        "tundra+agent+plain",
        "tundra+agent",
        "tundra+otlp+plain",
        "tracing_otel+otlp",
        "datadog",
        "fastrace",
    ];
    let rounds = (5.0 * scale).ceil() as usize;
    let asked = take_turns(&SIDES, &["background"], rounds, sink);
    let texts = take_turns(&SIDES[..2], &["background_text"], rounds, sink);
    page.paragraph(
        "### Background CPU: 4 fields, about 100,000 spans a second, exported to a local HTTP server",
    );
    page.table(&[
        "side",
        "goal",
        "ns per span, the collector thread",
        "ns per span, all threads but the caller's",
    ]);
    for (side, what) in SIDES.into_iter().zip([
        "Tundra, Datadog v0.4, no redaction",
        "Tundra, Datadog v0.4, redaction",
        "Tundra, OTLP, no redaction",
        "tracing-opentelemetry, OTLP",
        "datadog-opentelemetry, v0.4",
        "fastrace, encodes and sends nothing",
    ]) {
        let [own, all] = [1, 0].map(|at| middle(column(&asked, "background", side, at)));
        let goal = (side == SIDES[0]).then_some(60.0);
        page.judge("background CPU per span of the collector, v0.4, no redaction", own, "ns", goal);
        let own = if side.starts_with("tundra") { number(own) } else { String::new() };
        page.row(&[
            what.to_owned(),
            goal.map_or(String::new(), |goal| format!("≤ {goal}")),
            own,
            number(all),
        ]);
    }
    let [plain, clean] = [0, 1].map(|at| middle(column(&texts, "background_text", SIDES[at], 1)));
    let megabytes = crate::bursts::text(1).len() as f64 / 1e6;
    page.paragraph(&format!(
        "Redaction of text (spans with {:.0} bytes of prose each, an address in it): {} ms of CPU per MB.",
        megabytes * 1e6,
        number((clean - plain) / megabytes / 1e6)
    ));
    let lost: f64 =
        SIDES[..3].iter().map(|side| column(&asked, "background", side, 3).iter().sum::<f64>()).sum();
    if lost > 0.0 {
        page.paragraph(&format!("{lost} spans found no room in a ring meanwhile."));
    }
}

fn starts_and_stops(page: &mut Page, scale: f64, sink: &str) -> std::io::Result<()> {
    const SIDES: [&str; 4] = ["tundra+agent", "tracing_otel+otlp", "datadog", "fastrace"];
    let mut times = [const { Vec::new() }; SIDES.len()];
    for _ in 0..(31.0 * scale).ceil() as usize {
        for (side, times) in SIDES.iter().zip(&mut times) {
            times.push(once(&["start", side], sink).first().copied().unwrap_or(f64::NAN) / 1e3);
        }
    }
    let [own, otel, datadog, fastrace] = times.map(middle);
    page.paragraph("### Start, end, idle");
    page.table(&["figure", "goal", "Tundra", "peers"]);
    let peers = |unit: &str, values: &[(&str, f64)]| {
        let each = values.iter().map(|(name, value)| format!("{name} {} {unit}", number(*value)));
        each.collect::<Vec<_>>().join(", ")
    };
    let names = ["tracing-opentelemetry", "datadog-opentelemetry", "fastrace"];
    let others: Vec<_> = names.into_iter().zip([otel, datadog, fastrace]).collect();
    page.figure("set-up to first span closed, middle", own, "ms", Some(0.5), &peers("ms", &others));
    others.iter().for_each(|(name, value)| page.compare("set-up to first span closed", name, value / own));
    for (what, place) in [("refuses", sink::refused()?), ("hangs", sink::silent()?)] {
        let worst = |side: &str, shapes: &[&str]| {
            let all = shapes.iter().map(|shape| once(&["stop", side, shape], &place).first().copied());
            all.map(|time| time.unwrap_or(f64::INFINITY)).fold(0.0, f64::max)
        };
        let shapes = ["none", "current_thread", "block_on", "multi_thread"];
        let others = [
            ("tracing-opentelemetry", worst("tracing_otel+otlp", &["none"])),
            ("datadog-opentelemetry", worst("datadog", &["none"])),
        ];
        let what = format!("end with a deadline of 1 s, the agent {what}, worst of four runtime shapes");
        let own = worst("tundra+agent", &shapes);
        page.figure(&what, own, "ms", Some(1100.0), &peers("ms", &others));
    }
    idle(page, sink);
    Ok(())
}

fn idle(page: &mut Page, sink: &str) {
    const SIDES: [&str; 5] = ["none", "tundra+agent", "tracing_otel+otlp", "datadog", "fastrace"];
    // One after the other: what one does when it wakes up takes longer right after another one did.
    let found = SIDES.map(|side| once(&["idle", side], sink));
    let of = |side: usize, at: usize| found[side].get(at).copied().unwrap_or(f64::NAN);
    let peers = |at: usize, less: f64, unit: &str| {
        let each =
            (2..SIDES.len()).map(|side| format!("{} {} {unit}", SIDES[side], number(of(side, at) - less)));
        each.collect::<Vec<_>>().join(", ")
    };
    page.figure("idle CPU over 20 s", of(1, 0), "%", Some(0.01), &peers(0, 0.0, "%"));
    page.figure("threads of its own", of(1, 1), "", Some(1.0), &peers(1, 0.0, ""));
    let [memory, each] = [of(0, 2), of(0, 3)];
    page.figure(
        "memory beside a process without",
        of(1, 2) - memory,
        "kB",
        Some(1000.0),
        &peers(2, memory, "kB"),
    );
    page.figure(
        "memory of each further thread that recorded 1000 spans",
        of(1, 3) - each,
        "kB",
        Some(160.0),
        &peers(3, each, "kB"),
    );
}

/// How many steps of work take a millisecond in a service without instrumentation, requests themselves apart.
fn steps_per_ms(service: &mut Service) -> std::io::Result<f64> {
    const MANY: f64 = 1e6;
    let [mut none, mut many] = [f64::MAX; 2];
    for _ in 0..20 {
        for (steps, best) in [(0.0, &mut none), (MANY, &mut many)] {
            let before = service.ask("/cpu")?;
            service.ask(&format!("/steps/{steps}"))?;
            *best = best.min(service.ask("/cpu")? - before);
        }
    }
    Ok(MANY / (many - none) * 1e6)
}

const SERVICES: [&str; 2] = ["none", "tracing_otel+otlp"];
const SWITCHED: &str = "tundra+otlp";
/// Every so many pairs the services are started anew: where a process happens to lie in memory is part of its speed.
const PAIRS: usize = 10;

/// Microseconds of CPU per request, by pair.
#[derive(Default)]
struct Slices {
    /// The service without instrumentation, and what each request of the other services takes more.
    without: Vec<f64>,
    peer: Vec<f64>,
    own: Vec<f64>,
}

fn requests(ms: f64, requests: u32, pairs: usize, sink: &str) -> std::io::Result<Slices> {
    let mut slices = Slices::default();
    while slices.own.len() < pairs {
        let start = |side: &str| Service::start(side, sink);
        let mut others = [start(SERVICES[0])?, start(SERVICES[1])?];
        let path = format!("/steps/{}", (ms * steps_per_ms(&mut others[0])?) as u64);
        others.iter().for_each(|service| service.stop(true));
        // The first turns warm everybody up.
        for pair in 0..=PAIRS {
            let [without, peer] = turns_of_two(&mut others, &path, requests, pair)?;
            if pair > 0 {
                slices.without.push(without);
                slices.peer.push(peer - without);
            }
        }
        drop(others);
        let mut own = start(SWITCHED)?;
        for pair in 0..=PAIRS {
            let [off, on] = turns_of_one(&mut own, &path, requests, pair)?;
            if pair > 0 {
                slices.own.push(on - off);
            }
        }
    }
    Ok(slices)
}

/// A turn of each of two services. Whoever waits for its turn is stopped, so nobody pays for time that passes; what a service
/// still has to export after its turn is the begin of its next.
fn turns_of_two(
    services: &mut [Service; 2],
    path: &str,
    requests: u32,
    pair: usize,
) -> std::io::Result<[f64; 2]> {
    let mut used = [0.0; 2];
    for turn in 0..2 {
        let side = (turn + pair) % 2;
        let service = &mut services[side];
        service.stop(false);
        let before = service.ask("/cpu")?;
        for _ in 0..requests {
            service.ask(path)?;
        }
        used[side] = (service.ask("/cpu")? - before) / f64::from(requests) / 1e3;
        service.stop(true);
    }
    Ok(used)
}

/// The same of one service with its recording switched off and on, so that nothing else differs: where two processes lie in
/// memory makes more of a difference than what is looked for. Exporting all that a turn recorded is part of it; switching, which
/// takes as long as twenty requests' spans, is not.
fn turns_of_one(service: &mut Service, path: &str, requests: u32, pair: usize) -> std::io::Result<[f64; 2]> {
    let mut used = [0.0; 2];
    for turn in 0..2 {
        let on = (turn + pair) % 2;
        service.ask(&format!("/switch/{}", on == 1))?;
        let before = service.ask("/cpu")?;
        for _ in 0..requests {
            service.ask(path)?;
        }
        used[on] = (service.ask("/flush")? - before) / f64::from(requests) / 1e3;
    }
    Ok(used)
}

fn services(page: &mut Page, scale: f64, sink: &str) -> std::io::Result<()> {
    page.paragraph(
        "### An axum service, 10 spans of 4 fields and 20 events a request, exported over OTLP/HTTP",
    );
    page.table(&[
        "work per request",
        "goal",
        "CPU without, µs",
        "Tundra adds",
        "tracing-opentelemetry adds",
        "pairs",
    ]);
    for (ms, count, pairs, goal) in
        [(0.0, 4000, 100.0, None), (1.0, 300, 200.0, Some(1.0)), (10.0, 50, 160.0, Some(0.1))]
    {
        let slices = requests(ms, count, (pairs * scale).ceil() as usize, sink)?;
        let without = middle(slices.without.clone());
        let text = |differences: &[f64]| {
            let percent = |us: f64| number(us / without * 100.0);
            let (us, off) = (middle(differences.to_vec()), error(differences));
            format!("{} ± {} µs: {} ± {} %", number(us), number(off), percent(us), percent(off))
        };
        let own = middle(slices.own.clone());
        page.judge(&format!("service at {ms} ms"), own / without * 100.0, "%", goal);
        page.row(&[
            format!("{ms} ms"),
            goal.map_or(String::new(), |goal| format!("≤ {goal} %")),
            number(without),
            text(&slices.own),
            text(&slices.peer),
            slices.own.len().to_string(),
        ]);
        eprintln!("service at {ms} ms");
    }
    page.paragraph("± is one standard error of the middle of the pairs' differences.");
    Ok(())
}

/// Measures everything; `scale` is the share of the usual rounds.
pub fn run(scale: f64) {
    let mut page = Page::default();
    let load = || std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let before = load();
    let done = sink::open().and_then(|sink| {
        spans(&mut page, scale, &sink);
        metrics(&mut page, scale, &sink);
        background(&mut page, scale, &sink);
        starts_and_stops(&mut page, scale, &sink)?;
        services(&mut page, scale, &sink)
    });
    if let Err(error) = done {
        eprintln!("not everything could be measured: {error}");
        std::process::exit(1);
    }
    let [before, after] = [before, load()].map(|text| text.split(' ').next().unwrap_or("?").to_owned());
    page.paragraph(&format!("Load of the machine before and after: {before}, {after}."));
    page.print();
}
