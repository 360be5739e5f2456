//! What an SQL statement may be: its size, its kind, and the functions it may not call. `sql` asks before it plans.

use crate::error::{Position, QueryError};
use crate::limits::{SQL_BYTES, SQL_DEPTH, SQL_JOINS, SQL_TOKENS};
use datafusion::common::DataFusionError;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// Functions that make rows or texts out of nothing, of any size, past every memory limit; and those that look outside.
pub(crate) const REFUSED_FUNCTIONS: [&str; 13] = [
    "generate_series",
    "range",
    "gen_series",
    "gen_range",
    "repeat",
    "lpad",
    "rpad",
    "array_repeat",
    "list_repeat",
    "array_resize",
    "list_resize",
    "read_parquet",
    "parquet_metadata",
];

/// Refuses statements that would cost too much to plan, and calls of refused functions.
pub(crate) fn check_size(sql: &str) -> Result<(), QueryError> {
    bound("bytes", sql.len(), SQL_BYTES)?;
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    // What the tokenizer cannot read, the parser will explain better.
    let Ok(tokens) = tokens else { return Ok(()) };
    let tokens: Vec<_> = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    bound("words and signs", tokens.len(), SQL_TOKENS)?;
    let (mut depth, mut deepest, mut joins) = (0_usize, 0, 0);
    for (at, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            Token::Word(word) => {
                let word = word.value.to_ascii_lowercase();
                joins += usize::from(matches!(
                    word.as_str(),
                    "join" | "union" | "intersect" | "except" | "exists"
                ));
                let call = matches!(tokens.get(at + 1), Some(TokenWithSpan { token: Token::LParen, .. }));
                if call && REFUSED_FUNCTIONS.contains(&word.as_str()) {
                    return Err(QueryError::Refused { what: word, position: Some(position(token)) });
                }
            }
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    bound("nested parentheses", deepest, SQL_DEPTH)?;
    bound("joins and set operations", joins, SQL_JOINS)
}

fn bound(what: &'static str, found: usize, limit: usize) -> Result<(), QueryError> {
    if found > limit { Err(QueryError::TooLarge { what, found, limit }) } else { Ok(()) }
}

fn position(token: &TokenWithSpan) -> Position {
    Position { line: token.span.start.line, column: token.span.start.column }
}

/// Refuses every statement that is not a question.
pub(crate) fn check_kind(statement: &Statement, sql: &str) -> Result<(), QueryError> {
    let reads = match statement {
        Statement::Statement(ast) => ast_reads(ast),
        Statement::Explain(explain) => return check_kind(&explain.statement, sql),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    };
    if reads { Ok(()) } else { Err(refused_words(sql)) }
}

fn ast_reads(statement: &Ast) -> bool {
    match statement {
        Ast::Query(_)
        | Ast::ShowTables { .. }
        | Ast::ShowColumns { .. }
        | Ast::ShowFunctions { .. }
        | Ast::ExplainTable { .. } => true,
        Ast::Explain { statement, .. } => ast_reads(statement),
        _ => false,
    }
}

/// Names the first word of the statement, and the second where the first says little.
fn refused_words(sql: &str) -> QueryError {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().unwrap_or_default();
    let mut words = tokens.iter().filter(|t| matches!(t.token, Token::Word(_)));
    let Some(first) = words.next() else {
        return QueryError::Refused { what: "this statement".to_owned(), position: None };
    };
    let mut what = first.token.to_string().to_ascii_uppercase();
    if matches!(what.as_str(), "CREATE" | "DROP" | "ALTER" | "SHOW" | "EXPLAIN")
        && let Some(second) = words.next()
    {
        what = format!("{what} {}", second.token.to_string().to_ascii_uppercase());
    }
    QueryError::Refused { what, position: Some(position(first)) }
}

/// The engine's own refusal, as ours.
pub(crate) fn refused_plan(error: &DataFusionError) -> QueryError {
    let text = error.strip_backtrace();
    let what =
        text.rsplit_once(": ").map_or(text.as_str(), |(_, kind)| kind).lines().next().unwrap_or_default();
    QueryError::Refused { what: what.to_owned(), position: None }
}
