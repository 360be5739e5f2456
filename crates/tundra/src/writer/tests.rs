//! What a writer does with its stream when the process forks.

use super::*;

// The stream of a forked child is the parent's if it is being written to.
#[test]
fn a_child_takes_over_what_is_at_rest() {
    let check = |at_work: bool| {
        let mut writer = Writer::new(Box::new(std::io::sink()));
        let shared = Arc::clone(&writer.0);
        let held = at_work.then(|| shared.out.lock().expect("no panic"));
        writer.after_fork();
        drop(held);
        let lost = crate::health().logs.dropped_for(crate::Dropped::Forked);
        let receipt = Arc::<Receipt>::default();
        receipt.settle(false);
        // No record stands behind these lines, so the ledger has them as waiting until they are told of.
        crate::health::DONE.waiting[1].fetch_add(1, Relaxed);
        writer.put(b"x\n".to_vec(), Owner::Console(receipt, 1));
        assert_eq!(writer.unwritten().wait(Instant::now() + Duration::from_secs(60)), !at_work);
        assert_eq!(crate::health().logs.dropped_for(crate::Dropped::Forked), lost + u64::from(at_work));
    };
    check(false);
    check(true);
}
