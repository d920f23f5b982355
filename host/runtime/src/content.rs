//! What the log says of a record's content: which files it has, where they lie, and what they must be.

use crate::{Runtime, RuntimeError};
use fonds_archive::Representation;
use fonds_model::body::{self, Created, FixityChecked, Migrated, Modified, Moved, Outcome};
use fonds_model::{ContentFile, Digest, EntityId, Envelope, Kind, Position};
use fonds_views::register;

impl Runtime {
    /// A record's content as the log last said it: first as it was made, then each format that it was migrated to.
    ///
    /// A file of which no producer said a digest has that of its first check.
    ///
    /// # Errors
    /// When the views or the log cannot be read.
    pub fn content(&self, id: &EntityId) -> Result<Vec<Representation>, RuntimeError> {
        let mut forms: Vec<Representation> = Vec::new();
        let mut checks: Vec<FixityChecked> = Vec::new();
        for fact in register::standing(self.rows(), id, None)? {
            match fact.kind {
                Kind::RecordCreated | Kind::RecordCaptured => {
                    merge(&mut forms, self.body::<Created>(fact.position)?.map(|body| body.content));
                }
                Kind::RecordModified => {
                    merge(&mut forms, self.body::<Modified>(fact.position)?.map(|body| body.content));
                }
                Kind::RecordMoved => relocate(&mut forms, self.body::<Moved>(fact.position)?.map(|body| body.content)),
                Kind::RecordMigrated => {
                    let files = self.body::<Migrated>(fact.position)?.map(|body| body.content).unwrap_or_default();
                    if !files.is_empty() {
                        forms.push(Representation { files });
                    }
                }
                Kind::RecordFixityChecked => checks.extend(self.body::<FixityChecked>(fact.position)?),
                _ => {}
            }
        }
        forms.iter_mut().flat_map(|form| &mut form.files).for_each(|file| complete(file, &checks));
        Ok(forms)
    }

    /// The body of an item; none when it was erased, or does not read as its kind.
    fn body<T: serde::de::DeserializeOwned>(&self, position: Position) -> Result<Option<T>, RuntimeError> {
        let mut entry = self.entry(position.seq)?;
        let index = usize::from(position.item);
        if index >= entry.items.len() {
            return Ok(None);
        }
        let Some(content) = entry.items.swap_remove(index).content else { return Ok(None) };
        let Ok((envelope, bytes)) = Envelope::split(&content.payload) else { return Ok(None) };
        let Ok(described) = body::described(entry.kind, envelope.format, bytes) else { return Ok(None) };
        Ok(serde_json::from_str(described.get()).ok())
    }
}

/// Files that are new, or take the place of those of the same name, in the form that the record was made in.
fn merge(forms: &mut Vec<Representation>, files: Option<Vec<ContentFile>>) {
    for file in files.unwrap_or_default() {
        if forms.is_empty() {
            forms.push(Representation::default());
        }
        let Some(first) = forms.first_mut() else { return };
        match first.files.iter_mut().find(|known| known.name() == file.name()) {
            Some(known) => *known = file,
            None => first.files.push(file),
        }
    }
}

/// Files that lie elsewhere now; what was said of them before still counts where nothing new is said.
fn relocate(forms: &mut Vec<Representation>, files: Option<Vec<ContentFile>>) {
    for file in files.unwrap_or_default() {
        let known = forms.iter_mut().rev().flat_map(|form| &mut form.files).find(|known| known.name() == file.name());
        match known {
            Some(known) => {
                let name = known.name().to_owned();
                known.name = Some(name);
                known.location = file.location;
                known.size = file.size.or(known.size);
                known.sha256 = file.sha256.or(known.sha256);
                known.sha512 = file.sha512.or(known.sha512);
                known.format = file.format.or_else(|| known.format.take());
            }
            None => merge(forms, Some(vec![file])),
        }
    }
}

/// Where no producer said a digest, that of the first check is what the file must have.
fn complete(file: &mut ContentFile, checks: &[FixityChecked]) {
    if file.sha256.is_some() || file.sha512.is_some() {
        return;
    }
    let of_it = |check: &&FixityChecked| {
        check.outcome == Outcome::Pass
            && check.algorithm == "sha256"
            && check.location.as_deref() == Some(file.location.as_str())
    };
    if let Some(check) = checks.iter().find(of_it) {
        file.sha256 = Digest::parse(&check.digest);
        file.size = file.size.or(check.size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> ContentFile {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_file_of_the_same_name_takes_the_others_place_and_a_new_one_stands_beside() {
        let mut forms = Vec::new();
        merge(&mut forms, Some(vec![file(r#"{"location":"a:x/plan.pdf"}"#)]));
        merge(&mut forms, Some(vec![file(r#"{"location":"b:plan.pdf"}"#), file(r#"{"location":"b:map.png"}"#)]));
        let places: Vec<&str> = forms[0].files.iter().map(|file| file.location.as_str()).collect();
        assert_eq!((forms.len(), places), (1, vec!["b:plan.pdf", "b:map.png"]));
    }

    #[test]
    fn what_was_said_of_a_file_stays_when_it_is_moved() {
        let mut forms = Vec::new();
        merge(&mut forms, Some(vec![file(r#"{"location":"a:plan.pdf","size":3}"#)]));
        relocate(&mut forms, Some(vec![file(r#"{"location":"b:other.pdf","name":"plan.pdf"}"#)]));
        let moved = &forms[0].files[0];
        assert_eq!((moved.location.as_str(), moved.name(), moved.size), ("b:other.pdf", "plan.pdf", Some(3)));
    }

    #[test]
    fn the_first_check_says_what_a_file_must_be_of_which_nobody_else_did() {
        let check = |digest: u8, outcome: &str| -> FixityChecked {
            let text = format!(
                r#"{{"algorithm":"sha256","digest":"{}","outcome":"{outcome}","location":"a:b","size":3}}"#,
                Digest([digest; 32])
            );
            serde_json::from_str(&text).unwrap()
        };
        let mut unsaid = file(r#"{"location":"a:b"}"#);
        complete(&mut unsaid, &[check(1, "fail"), check(2, "pass"), check(3, "pass")]);
        assert_eq!((unsaid.sha256, unsaid.size), (Some(Digest([2; 32])), Some(3)));
        let mut said = ContentFile { sha256: Some(Digest([9; 32])), ..file(r#"{"location":"a:b"}"#) };
        complete(&mut said, &[check(2, "pass")]);
        assert_eq!(said.sha256, Some(Digest([9; 32])));
    }
}
