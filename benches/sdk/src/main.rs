//! The SDK beside its peers, each in a process of its own: `cargo xtask bench sdk` builds and runs this.
//!
//! Without arguments it is the referee: it starts one child per side, lets them take turns, and prints a page in
//! Markdown. A child measures itself when told to. Nothing here asserts: figures stand beside goals and peers.

mod allocator;
mod bursts;
mod children;
mod compare;
mod cpu;
mod measure;
mod meters;
mod once;
mod page;
mod peers;
mod service;
mod sides;
mod sink;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

fn main() {
    let started = std::time::Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => compare::run(1.0),
        ["quick"] => compare::run(0.2),
        ["side", name] => measure::answer(name),
        ["count", side, row] => measure::count(side, row),
        ["start", name] => once::start(name, started),
        ["stop", name, shape] => once::stop(name, shape),
        ["idle", name] => once::idle(name),
        ["serve", name] => service::serve(name),
        _ => eprintln!("usage: tundra-sdk-bench [quick | count SIDE ROW]; the rest is for its own children"),
    }
}
