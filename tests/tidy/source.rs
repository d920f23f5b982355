//! Just enough of Rust's syntax to count a function's lines and to see a macro that is not in a comment or a text.

/// The source with every comment, text and character blanked out, each line where it was.
pub(super) fn blanked(source: &str) -> String {
    let text: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < text.len() {
        let end = end_of_opaque(&text, at);
        if end == at {
            out.push(text[at]);
            at += 1;
        } else {
            out.extend(text[at..end].iter().map(|letter| if *letter == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment, text or character that begins at `at` ends; `at` itself when none begins there.
fn end_of_opaque(text: &[char], at: usize) -> usize {
    let next = text.get(at + 1).copied();
    let within_word = at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_');
    match text[at] {
        '/' if next == Some('/') => text[at..].iter().position(|letter| *letter == '\n').map_or(text.len(), |n| at + n),
        '/' if next == Some('*') => end_of_block_comment(text, at),
        '"' => end_of_text(text, at + 1, '"'),
        'r' if !within_word || text[at - 1] == 'b' || text[at - 1] == 'c' => end_of_raw_text(text, at),
        // A lifetime has no closing quote after its first letter.
        '\'' if next == Some('\\') || text.get(at + 2) == Some(&'\'') => end_of_text(text, at + 1, '\''),
        _ => at,
    }
}

fn end_of_block_comment(text: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut here = at;
    while here + 1 < text.len() {
        match (text[here], text[here + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                here += 1;
                continue;
            }
        }
        here += 2;
        if depth == 0 {
            return here;
        }
    }
    text.len()
}

fn end_of_text(text: &[char], from: usize, quote: char) -> usize {
    let mut here = from;
    while here < text.len() {
        match text[here] {
            '\\' => here += 2,
            letter if letter == quote => return here + 1,
            _ => here += 1,
        }
    }
    text.len()
}

fn end_of_raw_text(text: &[char], at: usize) -> usize {
    let hashes = text[at + 1..].iter().take_while(|letter| **letter == '#').count();
    let open = at + 1 + hashes;
    if text.get(open) != Some(&'"') {
        return at;
    }
    let closes = |here: &usize| text[*here] == '"' && (1..=hashes).all(|offset| text.get(*here + offset) == Some(&'#'));
    (open + 1..text.len()).find(closes).map_or(text.len(), |here| here + hashes + 1)
}

/// A function and the lines from its `fn` to its closing brace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) lines: usize,
}

/// Every function that has a body; the source is blanked already.
pub(super) fn functions(blanked: &str) -> Vec<Function> {
    let text: Vec<char> = blanked.chars().collect();
    let mut found = Vec::new();
    for at in 0..text.len() {
        let Some(name) = function_name(&text, at) else { continue };
        let Some(end) = end_of_body(&text, at) else { continue };
        let lines_before = |end: usize| text[..end].iter().filter(|letter| **letter == '\n').count();
        found.push(Function { name, line: lines_before(at) + 1, lines: lines_before(end) - lines_before(at) + 1 });
    }
    found
}

fn function_name(text: &[char], at: usize) -> Option<String> {
    let is_word = |letter: &char| letter.is_alphanumeric() || *letter == '_' || *letter == '$';
    let starts = text[at..].starts_with(&['f', 'n', ' ']) && (at == 0 || !is_word(&text[at - 1]));
    let name: String = text.get(at + 3..)?.iter().take_while(|letter| is_word(letter)).collect();
    (starts && !name.is_empty()).then_some(name)
}

/// The index after the closing brace of the body; none when the function is only declared.
fn end_of_body(text: &[char], at: usize) -> Option<usize> {
    let mut brackets = 0_i32;
    let mut braces = 0_i32;
    for (here, letter) in text.iter().enumerate().skip(at) {
        match letter {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' => braces -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            _ => continue,
        }
        if *letter == '}' && braces == 0 && brackets == 0 {
            return Some(here + 1);
        }
    }
    None
}

/// The lines (from 1) on which one of the words begins; the source is blanked already.
pub(super) fn lines_with(blanked: &str, words: &[&str]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in blanked.lines().enumerate() {
        for word in words {
            let begins = |at: usize| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
            if line.match_indices(word).any(|(at, _)| begins(at)) {
                found.push((index + 1, (*word).to_owned()));
            }
        }
    }
    found
}

/// The source up to its unit tests, which stand last in a file.
pub(super) fn without_unit_tests(blanked: &str) -> &str {
    blanked.find("#[cfg(test)]\nmod ").map_or(blanked, |at| &blanked[..at])
}

#[test]
fn what_stands_in_comments_and_texts_is_blanked_and_nothing_else() {
    let source = "let a = \"fn x() { \\\" \"; // todo!()\nlet b: &'a str = r#\"}\"#; /* { /* } */ */ let c = '{'; let d = '\\'';";
    let seen = blanked(source);
    assert_eq!(seen.lines().count(), source.lines().count());
    assert_eq!(seen.chars().count(), source.chars().count());
    assert!(!seen.contains(['{', '}', '"']) && !seen.contains("todo"), "{seen}");
    for kept in ["let a = ", "let b: &'a str = ", "let c = ", "let d = "] {
        assert!(seen.contains(kept), "`{kept}` in {seen}");
    }
    assert_eq!(blanked("for x in r { }"), "for x in r { }");
}

#[test]
fn a_functions_lines_are_counted_from_its_name_to_its_closing_brace() {
    let source = "trait T {\n    fn declared(&self, x: [u8; 2]);\n}\nimpl T for U {\n    fn declared(\n        &self,\n        x: [u8; 2],\n    ) {\n        let s = \"}\";\n        if x == y { z(); }\n    }\n}\nfn one_line() {}\n";
    let seen: Vec<_> = functions(&blanked(source)).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
    assert_eq!(seen, [("declared".to_owned(), 5, 7), ("one_line".to_owned(), 13, 1)]);
}

#[test]
fn a_word_is_found_where_it_begins_only() {
    assert_eq!(lines_with("a\n    todo!();\nmytodo!();", &["todo!"]), [(2, "todo!".to_owned())]);
    assert_eq!(lines_with("eprintln!(\"\")", &["println!"]), []);
}

#[test]
fn unit_tests_are_left_out_where_only_the_code_counts() {
    assert_eq!(without_unit_tests("a();\n#[cfg(test)]\nmod tests {\n    b();\n}\n"), "a();\n");
    assert_eq!(without_unit_tests("a();\n"), "a();\n");
}
