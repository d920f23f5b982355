//! Reading a query: tokens first, then one descent that never goes deeper than it may.

use super::query::{CONDITIONS_MAX, Condition, DEPTH_MAX, Field, Op, QueryError, TEXT_BYTES_MAX, Term, Value};
use crate::{AgencyPath, Levels, PartialDate};

/// The words for where a record is in its life.
const STATES: [&str; 6] = ["open", "closed", "superseded", "transferred", "archived", "destroyed"];

const CONDITION: &str = "a condition goes FIELD OPERATOR VALUE, such as `created < 2010` or `title ~ \"*permit*\"`";
const FIELD: &str = "a field is id, agency, series, state, label, created, closed, title, or attributes.NAME; a value with spaces is quoted";
const OPERATOR: &str = "an operator is =, !=, <, <=, >, >= or ~";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Op(Op),
    Word(String),
    Quoted(String),
}

struct Lexed {
    token: Token,
    /// In characters, from 1.
    at: usize,
    /// Whether the next token follows without a space.
    joins: bool,
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Term, QueryError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(QueryError::TooLong);
    }
    let tokens = lex(text)?;
    if tokens.is_empty() {
        return Err(QueryError::Empty);
    }
    let mut parser = Parser { tokens: &tokens, conditions: 0, end: text.chars().count() + 1 };
    let term = parser.any(0)?;
    match parser.tokens.first() {
        None => Ok(term),
        Some(_) => Err(parser.unexpected("`and`, `or` or the end stands after a condition")),
    }
}

fn lex(text: &str) -> Result<Vec<Lexed>, QueryError> {
    let mut tokens: Vec<Lexed> = Vec::new();
    let mut characters = text.chars().zip(1_usize..).peekable();
    while let Some((character, at)) = characters.next() {
        if character.is_whitespace() {
            if let Some(last) = tokens.last_mut() {
                last.joins = false;
            }
            continue;
        }
        let mut followed_by = |sign: char| characters.next_if(|(next, _)| *next == sign).is_some();
        let token = match character {
            '(' => Token::Open,
            ')' => Token::Close,
            '~' => Token::Op(Op::Like),
            '=' => Token::Op(Op::Is),
            '<' => Token::Op(if followed_by('=') { Op::LessOrIs } else { Op::Less }),
            '>' => Token::Op(if followed_by('=') { Op::GreaterOrIs } else { Op::Greater }),
            '!' if followed_by('=') => Token::Op(Op::IsNot),
            '!' => return Err(QueryError::Unexpected { found: "!".to_owned(), at, wanted: OPERATOR }),
            '"' | '\'' => Token::Quoted(within_quotes(&mut characters, character, at)?),
            first => {
                let mut word = String::from(first);
                let ends = |next: char| {
                    next.is_whitespace() || matches!(next, '(' | ')' | '"' | '\'' | '~' | '=' | '<' | '>' | '!')
                };
                while let Some((next, _)) = characters.next_if(|(next, _)| !ends(*next)) {
                    word.push(next);
                }
                Token::Word(word)
            }
        };
        tokens.push(Lexed { token, at, joins: true });
    }
    Ok(tokens)
}

fn within_quotes(
    characters: &mut impl Iterator<Item = (char, usize)>,
    quote: char,
    at: usize,
) -> Result<String, QueryError> {
    let mut text = String::new();
    let unclosed = || QueryError::Unexpected { found: quote.to_string(), at, wanted: "a quote is closed again" };
    loop {
        let (character, _) = characters.next().ok_or_else(unclosed)?;
        match character {
            '\\' => text.push(characters.next().ok_or_else(unclosed)?.0),
            end if end == quote => return Ok(text),
            other => text.push(other),
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Lexed],
    conditions: usize,
    end: usize,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a Lexed> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn unexpected(&self, wanted: &'static str) -> QueryError {
        let Some(token) = self.tokens.first() else {
            return QueryError::Unexpected { found: "the end".to_owned(), at: self.end, wanted };
        };
        let found = match &token.token {
            Token::Open => "(".to_owned(),
            Token::Close => ")".to_owned(),
            Token::Op(op) => op.as_str().to_owned(),
            Token::Word(text) | Token::Quoted(text) => text.chars().take(60).collect(),
        };
        QueryError::Unexpected { found, at: token.at, wanted }
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.tokens.first(), Some(Lexed { token: Token::Word(found), .. })
            if found.eq_ignore_ascii_case(word));
        if is_it {
            self.next();
        }
        is_it
    }

    fn any(&mut self, depth: usize) -> Result<Term, QueryError> {
        let mut any = vec![self.all(depth)?];
        while self.takes_word("or") {
            any.push(self.all(depth)?);
        }
        Ok(joined(any, Term::Or, |term| match term {
            Term::Or(inner) => Ok(inner),
            other => Err(other),
        }))
    }

    fn all(&mut self, depth: usize) -> Result<Term, QueryError> {
        let mut all = vec![self.factor(depth)?];
        while self.takes_word("and") {
            all.push(self.factor(depth)?);
        }
        Ok(joined(all, Term::And, |term| match term {
            Term::And(inner) => Ok(inner),
            other => Err(other),
        }))
    }

    fn factor(&mut self, depth: usize) -> Result<Term, QueryError> {
        if depth > DEPTH_MAX {
            return Err(QueryError::TooDeep);
        }
        if self.takes_word("not") {
            return Ok(match self.factor(depth + 1)? {
                Term::Not(inner) => *inner,
                inner => Term::Not(Box::new(inner)),
            });
        }
        if matches!(self.tokens.first(), Some(Lexed { token: Token::Open, .. })) {
            self.next();
            let inner = self.any(depth + 1)?;
            if !matches!(self.tokens.first(), Some(Lexed { token: Token::Close, .. })) {
                return Err(self.unexpected("a parenthesis is closed again"));
            }
            self.next();
            return Ok(inner);
        }
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            return Err(QueryError::TooMany);
        }
        self.condition().map(Term::If)
    }

    fn condition(&mut self) -> Result<Condition, QueryError> {
        let field = self.field()?;
        let Some(Lexed { token: Token::Op(op), .. }) = self.tokens.first() else {
            return Err(self.unexpected(OPERATOR));
        };
        self.next();
        let text = match self.tokens.first() {
            Some(Lexed { token: Token::Word(word), .. }) if is_joiner(word) => {
                return Err(self.unexpected("`and`, `or` and `not` as a value are quoted"));
            }
            Some(Lexed { token: Token::Word(text) | Token::Quoted(text), .. }) => text,
            _ => return Err(self.unexpected(CONDITION)),
        };
        let value = self.value(&field, *op, text)?;
        self.next();
        Ok(Condition { field, op: *op, value })
    }

    fn field(&mut self) -> Result<Field, QueryError> {
        let Some(Lexed { token: Token::Word(word), joins, .. }) = self.tokens.first() else {
            return Err(self.unexpected(CONDITION));
        };
        let field = match word.as_str() {
            "id" => Field::Id,
            "agency" => Field::Agency,
            "series" => Field::Series,
            "state" => Field::State,
            "label" => Field::Label,
            "created" => Field::Created,
            "closed" => Field::Closed,
            "title" => Field::Title,
            "attributes." if *joins => {
                let quoted = self.tokens.get(1).map(|lexed| &lexed.token);
                let Some(Token::Quoted(name)) = quoted.filter(|token| **token != Token::Quoted(String::new())) else {
                    return Err(self.unexpected(FIELD));
                };
                self.next();
                Field::Attribute(name.clone())
            }
            other => match other.strip_prefix("attributes.").filter(|name| !name.is_empty()) {
                Some(name) => Field::Attribute(name.to_owned()),
                None => return Err(self.unexpected(FIELD)),
            },
        };
        self.next();
        Ok(field)
    }

    /// The value of a condition, which must mean something for its field.
    fn value(&self, field: &Field, op: Op, text: &str) -> Result<Value, QueryError> {
        let ordered = matches!(op, Op::Less | Op::LessOrIs | Op::Greater | Op::GreaterOrIs);
        if text.is_empty() || (op == Op::Like && text.chars().all(|character| matches!(character, '*' | '?'))) {
            return Err(QueryError::Everything(format!("{field} {} \"{text}\"", op.as_str())));
        }
        if text.contains('\0') {
            return Err(self.unexpected("a value has no NUL"));
        }
        match field {
            Field::Created | Field::Closed => {
                if op == Op::Like {
                    return Err(self.unexpected("a date is compared with =, !=, <, <=, > or >="));
                }
                let date = PartialDate::parse(text);
                return date.map(Value::Date).map_err(|_| self.unexpected("a date is YYYY, YYYY-MM or YYYY-MM-DD"));
            }
            Field::Agency if ordered => return Err(self.unexpected("an agency is compared with =, != or ~")),
            Field::Agency if op != Op::Like && AgencyPath::new(text).is_err() => {
                return Err(self.unexpected("an agency is a path, such as nl/wabo"));
            }
            Field::State if op != Op::Is && op != Op::IsNot => {
                return Err(self.unexpected("a state is compared with = or !="));
            }
            Field::State if !STATES.contains(&text) => {
                return Err(self.unexpected("a state is open, closed, superseded, transferred, archived or destroyed"));
            }
            Field::Label if ordered && !Levels::default().0.iter().any(|level| level == text) => {
                return Err(self.unexpected("a level is public, internal, confidential, secret or top-secret"));
            }
            _ => {}
        }
        Ok(Value::Text(text.to_owned()))
    }
}

fn is_joiner(word: &str) -> bool {
    ["and", "or", "not"].iter().any(|joiner| word.eq_ignore_ascii_case(joiner))
}

/// Terms joined into one; those that are joined alike already come apart, so that there is one way to write it.
fn joined(terms: Vec<Term>, join: fn(Vec<Term>) -> Term, apart: fn(Term) -> Result<Vec<Term>, Term>) -> Term {
    let mut flat = Vec::with_capacity(terms.len());
    for term in terms {
        match apart(term) {
            Ok(inner) => flat.extend(inner),
            Err(term) => flat.push(term),
        }
    }
    if flat.len() > 1 {
        return join(flat);
    }
    match flat.pop() {
        Some(only) => only,
        None => join(flat),
    }
}
