//! What waits for people, as an e-mail (RFC 5322): counts and agencies, and of no record its id or title.

use fonds_runtime::report::{Lateness, Notice};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use std::fmt::Write as _;

/// So many agencies are named.
const ROWS_MAX: usize = 50;

/// An agency's name is cut after so many characters.
const NAME_CHARACTERS_MAX: usize = 120;

/// RFC 5321 §4.5.3.1: no address is longer.
const ADDRESS_BYTES_MAX: usize = 254;

/// An address as RFC 5321 has it, without names, comments and quotes: nothing that could begin a header of its own.
pub(crate) fn address(text: &str) -> Result<&str, String> {
    let wrong = || format!("`{}` is no e-mail address: write NAME@HOST", text.escape_debug());
    let (local, host) = text.rsplit_once('@').ok_or_else(wrong)?;
    let is_atom = |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(character);
    let is_label = |label: &str| {
        let fits = !label.starts_with('-') && !label.ends_with('-') && (1..=63).contains(&label.len());
        fits && label.chars().all(|character| character.is_ascii_alphanumeric() || character == '-')
    };
    let is_local = local.split('.').all(|part| !part.is_empty() && part.chars().all(is_atom));
    if text.len() > ADDRESS_BYTES_MAX || local.len() > 64 || !is_local || !host.split('.').all(is_label) {
        return Err(wrong());
    }
    Ok(text)
}

/// Names come from events that anybody sent: one line, without what turns a terminal or a mail reader around.
fn tame(name: &str) -> String {
    let is_plain = |character: &char| {
        !character.is_control()
            && !matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    name.chars().filter(is_plain).take(NAME_CHARACTERS_MAX).collect()
}

/// `1 proposal waits`, `2 proposals wait`.
fn counted(count: u64, one: &str, more: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {more}")),
    }
}

/// What waits, each in a few words.
pub(crate) fn lines(notice: &Notice) -> Vec<String> {
    [
        counted(notice.approvals, "proposal waits for approval", "proposals wait for approval"),
        counted(notice.acknowledgements, "deletion waits to be acknowledged", "deletions wait to be acknowledged"),
        counted(notice.receipts, "transfer waits for its receipt", "transfers wait for their receipts"),
        counted(notice.holds_to_review, "hold is overdue for review", "holds are overdue for review"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The message as it goes into the folder.
pub(crate) fn message(notice: &Notice, from: &str, to: &[String]) -> std::io::Result<Vec<u8>> {
    let lines = lines(notice);
    let subject = format!("Fonds: {} ({})", lines.join(", "), tame(&notice.origin));
    let mut body = format!("In the log {}, as of {}:\n\n", tame(&notice.origin), notice.at);
    lines.iter().for_each(|line| body += &format!("- {line}\n"));
    if !notice.waiting.rows.is_empty() {
        body += "\nBy agency:\n\n";
        for row in notice.waiting.rows.iter().take(ROWS_MAX) {
            let agency = row.of.agency.as_deref().map_or_else(|| "(no agency)".to_owned(), tame);
            let waits_for = match row.of.waits_for {
                Lateness::Acknowledgement => "to be acknowledged",
                Lateness::Receipt => "for a receipt",
                _ => "for approval",
            };
            let _ = writeln!(body, "- {agency}: {} to {}, waiting {waits_for}", row.records, row.of.action);
        }
        if notice.waiting.rows.len() > ROWS_MAX || notice.waiting.beyond > 0 {
            body += "- and more\n";
        }
    }
    body += "\nTo see them:\n\n";
    notice.commands.iter().for_each(|command| body += &format!("    {command}\n"));
    let host = from.rsplit_once('@').map_or("localhost", |(_, host)| host);
    let id = format!("{}.{}@{host}", notice.looked_at.0, notice.state.get(..16).unwrap_or_default());
    let to = to.iter().map(|to| Address::new_address(None::<&str>, to.as_str())).collect();
    MessageBuilder::new()
        .from(Address::new_address(Some("Fonds"), from))
        .to(Address::new_list(to))
        .subject(subject)
        .date(notice.looked_at.0.div_euclid(1_000_000))
        .message_id(id)
        .header("Auto-Submitted", mail_builder::headers::raw::Raw::new("auto-generated"))
        .text_body(body)
        .write_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_begin_a_header() {
        for good in ["a@b", "anna.de-vries+fonds@merwestad.example", "o'neil@xn--bcher-kva.example"] {
            assert_eq!(address(good), Ok(good));
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b\r\nBcc: c@d",
            "a b@c",
            "a@b,c@d",
            "<a@b>",
            "A <a@b>",
            "a@b.",
            "a@-b",
            "a..b@c",
            "ä@b",
            "a@b\u{0}",
            "\"a\"@b",
            "a@b@c",
            "a@[127.0.0.1]",
        ] {
            assert!(address(bad).is_err(), "{bad:?}");
        }
        assert!(address(&format!("{}@b", "a".repeat(65))).is_err());
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(tame("a\r\nBcc: x\u{202e}\u{7}"), "aBcc: x");
        assert_eq!(tame(&"ä".repeat(500)).chars().count(), NAME_CHARACTERS_MAX);
    }
}
