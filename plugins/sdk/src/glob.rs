//! Patterns that configurations write: for series, attributes and agencies.

/// Whether a text matches a pattern in which `*` stands for any text and `?` for one character.
///
/// Time is at most the product of both lengths, whatever the pattern.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stood, and the text that it has swallowed so far.
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t += 1;
                // The rest of the character's bytes.
                while text.get(t).is_some_and(|byte| byte & 0xC0 == 0x80) {
                    t += 1;
                }
            }
            Some(&wanted) if wanted == byte => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    p = at + 1;
                    t = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_none_or(|rest| rest.iter().all(|&byte| byte == b'*'))
}

/// Whether an agency's path is that path or below it: `vn/ha-noi` holds `vn/ha-noi/hoan-kiem`, not `vn/ha-noi-2`.
///
/// The empty path holds all.
#[must_use]
pub fn within(prefix: &str, path: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => prefix.is_empty() || rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in the plainest way: try every length for each `*`.
    fn plain(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(('*', rest)), _) => (0..=text.len()).any(|skip| plain(rest, &text[skip..])),
            (Some(('?', rest)), Some((_, text))) => plain(rest, text),
            (Some((wanted, rest)), Some((found, text))) => wanted == found && plain(rest, text),
            (Some(_), None) => false,
        }
    }

    fn words(alphabet: &[char], length: usize) -> Vec<Vec<char>> {
        (0..length).fold(vec![vec![]], |words, _| {
            let longer = words
                .iter()
                .flat_map(|word| alphabet.iter().map(move |&letter| word.iter().copied().chain([letter]).collect()));
            words.clone().into_iter().chain(longer).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
        })
    }

    #[test]
    fn every_short_pattern_matches_what_the_plain_definition_matches() {
        let texts = words(&['a', 'é'], 4);
        for pattern in words(&['a', 'é', '*', '?'], 4) {
            for text in &texts {
                let (written, read): (String, String) = (pattern.iter().collect(), text.iter().collect());
                assert_eq!(matches(&written, &read), plain(&pattern, text), "`{written}` and `{read}`");
            }
        }
    }

    #[test]
    fn a_series_pattern_reads_as_people_expect() {
        assert!(matches("tx/783/*", "tx/783/597"));
        assert!(!matches("tx/783/*", "tx/7831/597"));
        assert!(matches("*", ""));
        assert!(!matches("", "x"));
    }

    #[test]
    fn a_pattern_of_many_stars_ends_in_time() {
        assert!(!matches(&"*a".repeat(50), &"a".repeat(2_000).replace("aa", "ab").repeat(2)[..40]));
    }

    #[test]
    fn an_agency_holds_what_is_below_it_and_not_what_begins_alike() {
        assert!(within("vn/ha-noi", "vn/ha-noi"));
        assert!(within("vn/ha-noi", "vn/ha-noi/hoan-kiem"));
        assert!(!within("vn/ha-noi", "vn/ha-noi-2"));
        assert!(!within("vn/ha-noi/hoan-kiem", "vn/ha-noi"));
        assert!(within("", "vn"));
    }
}
