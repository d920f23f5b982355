//! Texts of a package's description: `{title}, {agency}`.

use fonds_policy_sdk::{Request, Subject};

/// A template, read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Id,
    Kind,
    Series,
    Title,
    Authority,
    Agency,
    Level,
    AsOf,
    Attribute(String),
}

impl Template {
    /// Reads a template; a brace that names nothing known is refused.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| format!("`{text}` has a `{{` that is not closed"))?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::named(name)?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// The attributes that it names.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Attribute(name) => Some(name),
            _ => None,
        })
    }

    /// The text for one record; what is not known is left out.
    pub(crate) fn fill(&self, request: &Request, subject: &Subject) -> String {
        let rule = request.rule(subject).ok();
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Id => text.push_str(&subject.id),
                Piece::Kind => text.push_str(subject.kind.as_deref().unwrap_or_default()),
                Piece::Series => text.push_str(subject.series.as_deref().unwrap_or_default()),
                Piece::Title => text.push_str(rule.map_or("", |rule| &rule.title)),
                Piece::Authority => text.push_str(rule.map_or("", |rule| &rule.authority)),
                Piece::Agency => text.push_str(request.agency_path(subject)),
                Piece::Level => text.push_str(subject.label.as_ref().map_or("", |label| &label.level)),
                Piece::AsOf => text.push_str(&request.as_of.to_string()),
                Piece::Attribute(name) => text.push_str(subject.attribute(name).unwrap_or_default()),
            }
        }
        text
    }
}

impl Piece {
    fn named(name: &str) -> Result<Self, String> {
        Ok(match (name, name.strip_prefix("attribute:")) {
            ("id", _) => Self::Id,
            ("kind", _) => Self::Kind,
            ("series", _) => Self::Series,
            ("title", _) => Self::Title,
            ("authority", _) => Self::Authority,
            ("agency", _) => Self::Agency,
            ("level", _) => Self::Level,
            ("as-of", _) => Self::AsOf,
            (_, Some(attribute)) if !attribute.is_empty() => Self::Attribute(attribute.to_owned()),
            _ => {
                return Err(format!(
                    "`{{{name}}}` is none of {{id}}, {{kind}}, {{series}}, {{title}}, {{authority}}, {{agency}}, {{level}}, \
                     {{as-of}}, {{attribute:NAME}}"
                ));
            }
        })
    }
}
