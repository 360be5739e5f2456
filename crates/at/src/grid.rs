//! A table that fits: numbers to the right, one column that gives way, no frame. Used for traces, status and SQL rows.

use crate::paint::Paint;
use crate::text::{cut, fit, width};
use std::io::{self, Write};

/// Blanks between two columns.
const GAP: usize = 2;
/// A column that gives way keeps this much.
const SHRUNK_MIN: usize = 8;

/// Rows of cells; cells are clean texts.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Column {
    head: String,
    to_the_right: bool,
    /// Whether it may be cut when the line is too long.
    gives_way: bool,
}

impl Grid {
    /// Adds a column of texts.
    pub(crate) fn text(mut self, head: &str) -> Self {
        self.columns.push(Column { head: head.to_owned(), to_the_right: false, gives_way: false });
        self
    }

    /// Adds a column of texts that is cut where the line is too long.
    pub(crate) fn long_text(mut self, head: &str) -> Self {
        self.columns.push(Column { head: head.to_owned(), to_the_right: false, gives_way: true });
        self
    }

    /// Adds a column of numbers.
    pub(crate) fn number(mut self, head: &str) -> Self {
        self.columns.push(Column { head: head.to_owned(), to_the_right: true, gives_way: false });
        self
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Writes head and rows; `mark` may color a whole row by its number.
    pub(crate) fn write(
        &self,
        out: &mut dyn Write,
        paint: Paint,
        mark: impl Fn(usize, &str) -> String,
    ) -> io::Result<()> {
        let widths = self.widths(paint.width);
        let heads: Vec<String> = self.columns.iter().map(|column| column.head.clone()).collect();
        writeln!(out, "{}", paint.dim(&self.line(&heads, &widths)))?;
        for (index, row) in self.rows.iter().enumerate() {
            writeln!(out, "{}", mark(index, &self.line(row, &widths)))?;
        }
        Ok(())
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let cells = self.columns.iter().zip(cells).zip(widths);
        let cells = cells.map(|((column, cell), columns)| match column.to_the_right {
            true => {
                let cell = cut(cell, *columns);
                format!("{}{cell}", " ".repeat(columns.saturating_sub(width(&cell))))
            }
            false => fit(cell, *columns),
        });
        let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
        line.trim_end().to_owned()
    }

    /// Natural widths, the widest columns that may give way cut until the line fits.
    fn widths(&self, limit: usize) -> Vec<usize> {
        let natural = |(index, column): (usize, &Column)| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            cells.map(|cell| width(cell)).chain([width(&column.head)]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(natural).collect();
        let gaps = GAP * widths.len().saturating_sub(1);
        loop {
            let over = (widths.iter().sum::<usize>() + gaps).saturating_sub(limit);
            let may = (0..widths.len()).filter(|at| self.columns[*at].gives_way && widths[*at] > SHRUNK_MIN);
            let Some(widest) = may.max_by_key(|at| widths[*at]).filter(|_| over > 0) else { break };
            // Down to the next widest at most, so that equal columns shrink together.
            let others = (0..widths.len()).filter(|at| *at != widest && self.columns[*at].gives_way);
            let next = others.map(|at| widths[at]).max().unwrap_or(0).min(widths[widest] - 1);
            widths[widest] = widths[widest].saturating_sub(over).max(next).max(SHRUNK_MIN);
        }
        widths
    }
}

#[cfg(test)]
mod tests;
