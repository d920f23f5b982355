//! Levels by rank, and what of two protections is the stricter.

use crate::Why;
use fonds_policy_sdk::classification::Declassification;
use fonds_policy_sdk::{Because, Label};
use std::collections::BTreeSet;

/// A label as it grows: the level's rank, the categories, when it comes down.
#[derive(Debug, Default)]
pub(crate) struct Protection<'a> {
    pub(crate) rank: Option<usize>,
    pub(crate) categories: BTreeSet<&'a str>,
    pub(crate) declassify: Option<Declassification>,
}

/// The ladder's levels, lowest first.
#[derive(Debug, Default)]
pub(crate) struct Ranks(Vec<String>);

impl Ranks {
    pub(crate) fn new(levels: &[String]) -> Result<Self, String> {
        if levels.is_empty() { Err("the ladder of levels is empty".into()) } else { Ok(Self(levels.to_vec())) }
    }

    pub(crate) fn rank(&self, level: &str) -> Option<usize> {
        self.0.iter().position(|known| known == level)
    }

    pub(crate) fn level(&self, rank: usize) -> Option<&str> {
        self.0.get(rank).map(String::as_str)
    }

    /// Raises a protection to at least a label; whether that changed its level or its categories.
    ///
    /// A level that the ladder does not have counts as the highest: what is not understood is protected.
    pub(crate) fn raise<'a>(
        &self,
        protection: &mut Protection<'a>,
        label: &'a Label,
        reasons: &mut Vec<Because>,
    ) -> bool {
        let rank = self.rank(&label.level).or_else(|| {
            reasons.push(Why::UnknownLevel.with(label.level.as_str()));
            self.0.len().checked_sub(1)
        });
        let higher = rank > protection.rank;
        protection.rank = protection.rank.max(rank);
        let before = protection.categories.len();
        protection.categories.extend(label.categories.iter().map(String::as_str));
        higher || protection.categories.len() > before
    }
}

/// Of two declassifications the one that lets go later: never, then a person's look, then an event, then a date.
pub(crate) fn stricter(one: Declassification, other: Declassification) -> Declassification {
    use Declassification::{Never, On, OnEvent, ReviewOn};
    match (one, other) {
        (Never, _) | (_, Never) => Never,
        (ReviewOn(one), ReviewOn(other)) => ReviewOn(one.max(other)),
        (On(one), On(other)) => On(one.max(other)),
        (ReviewOn(review), On(on)) | (On(on), ReviewOn(review)) => ReviewOn(review.max(on)),
        (OnEvent(one), OnEvent(other)) if one == other => OnEvent(one),
        // Two conditions that nobody can put in order: neither alone may bring it down.
        (OnEvent(_), _) | (_, OnEvent(_)) => Never,
    }
}
