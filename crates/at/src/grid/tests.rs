//! What gives way when the line is too long.

use super::Grid;
use crate::paint::Paint;

fn shown(grid: &Grid, columns: usize) -> String {
    let mut out = Vec::new();
    grid.write(&mut out, Paint::plain(columns), |_, line| line.to_owned()).expect("writes to memory");
    String::from_utf8(out).expect("is text")
}

#[test]
fn long_columns_give_way_together() {
    let mut grid = Grid::default().text("id").long_text("name").long_text("service").number("spans");
    grid.row(vec!["1".into(), "a long name of a span".into(), "a long service name".into(), "12".into()]);
    grid.row(vec!["22".into(), "東京".into(), "b".into(), "1,234".into()]);
    let check = |columns: usize, expected: &str| assert_eq!(shown(&grid, columns), expected);
    check(
        80,
        "id  name                   service              spans\n\
         1   a long name of a span  a long service name     12\n\
         22  東京                   b                    1,234\n",
    );
    check(
        40,
        "id  name            service        spans\n\
         1   a long name o…  a long servi…     12\n\
         22  東京            b              1,234\n",
    );
    check(
        10,
        "id  name      service   spans\n\
         1   a long …  a long …     12\n\
         22  東京      b         1,234\n",
    );
}
