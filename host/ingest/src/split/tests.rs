use super::*;
use proptest::prelude::*;

/// What comes out: items as `LINE:BYTES`, refused ones as `LINE!REASON`, and what went to the rejects.
fn cut_with(source: impl BufRead, limits: Limits) -> (Vec<String>, String) {
    let mut rejects = Vec::new();
    let mut splitter = Splitter::new(source, limits);
    let mut found = Vec::new();
    while let Some(split) = splitter.next(&mut rejects).unwrap() {
        found.push(match split {
            Split::Item(item) => format!("{}:{}", item.line, String::from_utf8_lossy(&item.bytes)),
            Split::Rejected(reject) => format!("{}!{}", reject.line, reject.reason),
        });
    }
    (found, String::from_utf8_lossy(&rejects).into_owned())
}

fn cut(text: &str) -> (Vec<String>, String) {
    let whole = cut_with(text.as_bytes(), Limits::default());
    for size in [1, 2, 3, 7] {
        let small = io::BufReader::with_capacity(size, text.as_bytes());
        assert_eq!(cut_with(small, Limits::default()), whole, "in chunks of {size}");
    }
    whole
}

fn items(text: &str) -> Vec<String> {
    cut(text).0
}

#[test]
fn lines_keep_their_numbers_over_blank_ones_and_the_last_needs_no_line_feed() {
    assert_eq!(
        items("\n{\"a\":1}\n\n \n{\"b\":2}\nnonsense\n{\"c\":3}"),
        ["2:{\"a\":1}", "5:{\"b\":2}", "6:nonsense", "7:{\"c\":3}"]
    );
    assert_eq!(items(""), Vec::<String>::new());
    assert_eq!(items(" \n\t\n"), Vec::<String>::new());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_item() {
    assert_eq!(items("\u{feff}{}\n{}"), ["1:{}", "2:{}"]);
    assert_eq!(items("\u{feff}[{}]"), ["1:{}"]);
    assert_eq!(items("\u{fefe}x\n{}"), ["1:\u{fefe}x", "2:{}"]);
}

#[test]
fn a_value_over_several_lines_is_one_item() {
    let text = "{\n  \"a\": \"}\\\"\",\n  \"b\": [\n{\"c\": 1}]\n}\n{\"d\":\n2}\n";
    assert_eq!(items(text), ["1:{\n  \"a\": \"}\\\"\",\n  \"b\": [\n{\"c\": 1}]\n}", "6:{\"d\":\n2}"]);
}

#[test]
fn a_first_line_that_is_cut_short_does_not_swallow_the_lines_after_it() {
    assert_eq!(items("{\"a\": 1, \n{\"b\":2}\n{\"c\":3}\n"), ["1:{\"a\": 1, ", "2:{\"b\":2}", "3:{\"c\":3}"]);
}

#[test]
fn a_value_that_is_never_closed_is_refused_where_it_begins() {
    let (found, rejects) = cut("{\n\"a\":1}\n{\n\"b\":\n");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], "1:{\n\"a\":1}");
    assert!(found[1].starts_with("3!the value is never closed"), "{found:?}");
    assert_eq!(rejects, "{\n\"b\":\n");
}

#[test]
fn an_array_is_cut_at_its_own_commas() {
    assert_eq!(items("[]"), Vec::<String>::new());
    assert_eq!(
        items(" [\n {\"a\":[1,{\"b\":\"],\"}]},\n{\"c\":3}\n]\n"),
        ["2:{\"a\":[1,{\"b\":\"],\"}]}", "3:{\"c\":3}"]
    );
    assert_eq!(items("[1]\n[2]\n{\"a\":3}"), ["1:1", "2:2", "3:{\"a\":3}"]);
}

#[test]
fn an_array_goes_on_after_a_broken_element() {
    assert_eq!(items("[{\"a\":1]},{\"b\" 2},{\"c\":3}]"), ["1:{\"a\":1]}", "1:{\"b\" 2}", "1:{\"c\":3}"]);
    let (found, rejects) = cut("[\n{\"a\":1},\n{\"b\":\"2},\n{\"c\":3},\n{\"d\":4}\n]");
    assert_eq!(
        (found[0].as_str(), found[2].as_str(), found[3].as_str()),
        ("2:{\"a\":1}", "4:{\"c\":3}", "5:{\"d\":4}")
    );
    assert!(found[1].starts_with("3!a string is not closed"), "{found:?}");
    assert!(rejects.starts_with("{\"b\":\"2},\n"), "{rejects}");
    assert!(items("[1,,2]")[1].starts_with("1!an element is missing"));
}

#[test]
fn an_array_without_its_end_gives_all_before_it_and_says_so() {
    let found = items("[{\"a\":1},\n{\"b\":2}");
    assert_eq!(found[..2], ["1:{\"a\":1}", "2:{\"b\":2}"]);
    assert!(found[2].starts_with("2!the array is never closed"), "{found:?}");
    let found = items("[{\"a\":1},\n{\"b\":");
    assert_eq!(found[0], "1:{\"a\":1}");
    assert!(found[1].starts_with("2!the element is never closed"), "{found:?}");
}

#[test]
fn an_item_that_is_too_long_goes_to_the_rejects_byte_for_byte_and_is_never_held() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(5_000));
    let limits = Limits { item_bytes_max: 64, ..Limits::default() };
    for text in [format!("{{}}\n{long}\n{{\"b\":1}}\n"), format!("[{{}},\n{long},\n{{\"b\":1}}]")] {
        let (found, rejects) = cut_with(io::BufReader::with_capacity(16, text.as_bytes()), limits);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!((found[0].as_str(), found[2].as_str()), ("1:{}", "3:{\"b\":1}"));
        assert!(found[1].starts_with("2!the item has 500"), "{found:?}");
        assert_eq!(rejects.trim_end_matches('\n'), long);
    }
}

#[test]
fn a_source_that_breaks_off_gives_all_before_it_and_one_reject() {
    struct Broken<'a>(&'a [u8]);
    impl io::Read for Broken<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::other("cable pulled"));
            }
            self.0.read(into)
        }
    }
    for text in ["{\"a\":1}\n{\"b\":", "[{\"a\":1},{\"b\":", "[{\"a\":1},", "{\"a\":1}\n", "", "<log><trace>"] {
        let (found, _) = cut_with(io::BufReader::with_capacity(4, Broken(text.as_bytes())), Limits::default());
        let rejected: Vec<_> = found.iter().filter(|found| found.contains('!')).collect();
        assert_eq!(rejected.len(), 1, "{text}: {found:?}");
        assert!(rejected[0].contains("cable pulled"), "{found:?}");
        assert_eq!(found.len(), 1 + usize::from(text.contains("\"a\":1")), "{text}: {found:?}");
    }
}

#[test]
fn traces_are_cut_out_of_a_log_whatever_stands_around_them() {
    let text = "<?xml version=\"1.0\"?>\n<!-- <trace> --><log a='>'>\n<global scope=\"trace\"><string key='<x'/></global>\n\
        <trace><string key=\"k\" value=\"</trace>\"/></trace>\n<![CDATA[<trace>]]><trace/>\n</log>\n";
    assert_eq!(items(text), ["4:<trace><string key=\"k\" value=\"</trace>\"/></trace>", "5:<trace/>"]);
}

#[test]
fn a_document_type_ends_the_reading_before_anything_is_expanded() {
    for text in [
        "<!DOCTYPE log [<!ENTITY a \"aaaa\">]><log><trace/></log>",
        "<log><!ENTITY a 'b'><trace/></log>",
        "<log><trace><!DOCTYPE x></trace></log>",
    ] {
        let found = items(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("document type or entity"), "{found:?}");
    }
}

#[test]
fn what_is_no_log_or_does_not_end_is_refused() {
    assert!(items("<html><trace/></html>")[0].contains("no `<log>`"));
    assert!(items("<?xml version='1.0'?>")[0].contains("no outermost element"));
    let found = items("<log><trace/><trace><event>");
    assert_eq!(found[0], "1:<trace/>");
    assert!(found[1].contains("ends before its `</log>`"), "{found:?}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_every_chunking_finds_the_same(
        text in "[\\[\\]{}\",:\\\\a<>/!\\-? \n]{0,60}", size in 1_usize..9,
    ) {
        let whole = cut_with(text.as_bytes(), Limits::default());
        let small = cut_with(io::BufReader::with_capacity(size, text.as_bytes()), Limits::default());
        prop_assert_eq!(whole, small);
    }

    #[test]
    fn an_array_and_lines_give_the_same_items(numbers in prop::collection::vec(any::<u16>(), 1..20), pretty in any::<bool>()) {
        let values: Vec<_> = numbers.iter().map(|n| serde_json::json!({ "n": n, "s": format!("]}},{n}"), "l": [n, [n]] })).collect();
        let array = if pretty { serde_json::to_string_pretty(&values) } else { serde_json::to_string(&values) }.unwrap();
        let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
        let read = |text: &str| -> Vec<serde_json::Value> {
            let found = cut_with(text.as_bytes(), Limits::default()).0;
            found.iter().map(|item| serde_json::from_str(item.split_once(':').unwrap().1).unwrap()).collect()
        };
        prop_assert_eq!(read(&array), values.clone());
        prop_assert_eq!(read(&lines), values);
    }
}
