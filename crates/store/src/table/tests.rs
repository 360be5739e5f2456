//! The tables' numbers, names and schemas hold together.

use super::*;

#[test]
fn numbers_names_and_columns() {
    for table in Table::ALL {
        assert_eq!(Table::from_number(table.number()), Some(table));
        assert_eq!(Table::from_name(table.name()), Some(table));
        let schema = table.schema();
        assert!(schema.field_with_name(table.time_column()).is_ok(), "{table:?}");
        assert!(schema.field_with_name("sample").is_ok(), "{table:?}");
        assert_eq!(schema.fields().last().map(|f| f.name().as_str()), Some("seq"));
        // The log marks the columns that a frame holds in 64 bits.
        assert!(table.body_schema().fields().len() <= 64, "{table:?}");
        let mut names: Vec<_> = table.columns().map(|c| c.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), table.columns().count(), "{table:?}");
    }
    assert_eq!(Table::from_number(0), None);
    assert_eq!(Table::from_name("nope"), None);
}
