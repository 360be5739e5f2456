//! The models as tests; here, because the two files bring tests of their own, which loom cannot run.

use tundra_loom::{rings, slots};

#[test]
fn what_was_accepted_comes_out_once_and_in_order() {
    rings::what_was_accepted_comes_out_once_and_in_order();
}

#[test]
fn around_the_end() {
    rings::around_the_end();
}

#[test]
fn into_a_larger_ring() {
    rings::into_a_larger_ring();
}

#[test]
fn who_is_fast_goes_on_before_it_is_full() {
    rings::who_is_fast_goes_on_before_it_is_full();
}

#[test]
fn back_to_the_usual_size() {
    rings::back_to_the_usual_size();
}

#[test]
fn what_nobody_holds_goes_back() {
    rings::what_nobody_holds_goes_back();
}

#[test]
fn refused_when_nothing_is_left() {
    rings::refused_when_nothing_is_left();
}

#[test]
fn the_last_holder_has_the_span_alone() {
    slots::the_last_holder_has_the_span_alone();
}

#[test]
fn whoever_records_late_meets_nobody() {
    slots::whoever_records_late_meets_nobody();
}

#[test]
fn two_record_one_after_the_other() {
    slots::two_record_one_after_the_other();
}

#[test]
fn a_stale_id_reads_the_old_span_or_nothing() {
    slots::a_stale_id_reads_the_old_span_or_nothing();
}

#[test]
fn a_late_holder_keeps_it_open_or_has_nothing() {
    slots::a_late_holder_keeps_it_open_or_has_nothing();
}

#[test]
fn closed_elsewhere_and_taken_again() {
    slots::closed_elsewhere_and_taken_again();
}

#[test]
fn two_close_elsewhere() {
    slots::two_close_elsewhere();
}

#[test]
fn a_stale_id_and_a_slot_from_elsewhere() {
    slots::a_stale_id_and_a_slot_from_elsewhere();
}
