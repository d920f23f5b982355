//! Instants, and civil dates that may be known to the year or the month only.

use crate::ModelError;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads an RFC 3339 time with an offset; finer than a microsecond is cut off.
    ///
    /// # Errors
    /// [`ModelError::Date`] for anything else, impossible dates among them.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let at: jiff::Timestamp = text.parse().map_err(|_| ModelError::Date(shortened(text)))?;
        Ok(Self(at.as_microsecond()))
    }

    fn jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }

    /// The civil date at this instant in a zone of the IANA database.
    ///
    /// # Errors
    /// [`ModelError::Zone`] when the bundled database has no such zone.
    pub fn date_in(self, zone: &str) -> Result<Date, ModelError> {
        let zone = jiff::tz::db().get(zone).map_err(|_| ModelError::Zone(zone.to_owned()))?;
        Ok(zone.to_datetime(self.jiff()).date())
    }

    /// The civil date at this instant in UTC.
    #[must_use]
    pub fn date_utc(self) -> Date {
        jiff::tz::TimeZone::UTC.to_datetime(self.jiff()).date()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.jiff())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Whether a zone is in the bundled IANA database.
#[must_use]
pub fn is_zone(zone: &str) -> bool {
    jiff::tz::db().get(zone).is_ok()
}

/// A civil date known to the day, the month or the year: `1987-05-12`, `1987-05`, `1987`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate {
    /// Proleptic Gregorian year, 1 to 9999.
    year: i16,
    /// 1 to 12; `None` when only the year is known.
    month: Option<i8>,
    /// 1 to 31; `None` when only the month is known.
    day: Option<i8>,
}

impl PartialDate {
    /// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`ModelError::Date`] for anything else, impossible dates among them.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let wrong = || ModelError::Date(shortened(text));
        let mut parts = text.split('-');
        let mut number = |width: usize| -> Result<Option<i16>, ModelError> {
            let Some(part) = parts.next() else { return Ok(None) };
            let digits = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
            if digits { part.parse().map(Some).map_err(|_| wrong()) } else { Err(wrong()) }
        };
        let (year, month, day) = (number(4)?.ok_or_else(wrong)?, number(2)?, number(2)?);
        if parts.next().is_some() || year < 1 {
            return Err(wrong());
        }
        let narrow = |part: Option<i16>| part.map(i8::try_from).transpose().map_err(|_| wrong());
        let (month, day) = (narrow(month)?, narrow(day)?);
        Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).map_err(|_| wrong())?;
        Ok(Self { year, month, day })
    }

    /// The date, when it is known to the day.
    #[must_use]
    pub fn exact(&self) -> Option<Date> {
        Date::new(self.year, self.month?, self.day?).ok()
    }

    /// Whether it is known to the day.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.day.is_some()
    }

    /// The first day that it can mean.
    #[must_use]
    pub fn first_day(&self) -> Date {
        Date::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1)).unwrap_or(Date::MIN)
    }

    /// The last day that it can mean, which is what clocks use: the later day never shortens a retention.
    #[must_use]
    pub fn last_day(&self) -> Date {
        let month = self.month.unwrap_or(12);
        match (self.day, Date::new(self.year, month, 1)) {
            (Some(day), Ok(first)) => Date::new(self.year, month, day).unwrap_or(first.last_of_month()),
            (None, Ok(first)) => first.last_of_month(),
            (_, Err(_)) => Date::MAX,
        }
    }
}

impl From<Date> for PartialDate {
    fn from(date: Date) -> Self {
        Self { year: date.year(), month: Some(date.month()), day: Some(date.day()) }
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        Ok(())
    }
}

impl Serialize for PartialDate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PartialDate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for PartialDate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PartialDate".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$" })
    }
}

/// A time as a producer wrote it: a date of some precision, an instant with its offset, or a civil time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// `1987`, `1987-05`, `1987-05-12`: taken as written, whatever the zone.
    Date(PartialDate),
    /// An RFC 3339 time; the date is the one that its own offset gives.
    Instant(Timestamp, Date),
}

impl Written {
    /// Reads what a producer wrote.
    ///
    /// # Errors
    /// [`ModelError::Date`] when it is neither a date nor an RFC 3339 time, or cannot exist.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        if text.len() <= 10 {
            return PartialDate::parse(text).map(Written::Date);
        }
        let instant = Timestamp::parse(text)?;
        // A civil time with `Z` is refused by jiff, since `Z` says that no local time is known: the day is then UTC's.
        let civil = text.parse::<jiff::civil::DateTime>().map(|civil| civil.date());
        Ok(Written::Instant(instant, civil.unwrap_or_else(|_| instant.date_utc())))
    }

    /// The civil date on which it happened, with the zone that was used (DESIGN §4, Dates).
    ///
    /// A date without a time is taken as written; else the agency's zone decides; else the offset as written.
    ///
    /// # Errors
    /// [`ModelError::Zone`] when the zone does not exist.
    pub fn resolve(&self, zone: Option<&str>) -> Result<PartialDate, ModelError> {
        Ok(match (self, zone) {
            (Written::Date(date), _) => *date,
            (Written::Instant(at, _), Some(zone)) => at.date_in(zone)?.into(),
            (Written::Instant(_, date), None) => (*date).into(),
        })
    }

    /// The instant, where one was written; a bare date is its last day's first moment in UTC.
    #[must_use]
    pub fn instant(&self) -> Timestamp {
        match self {
            Written::Instant(at, _) => *at,
            Written::Date(date) => date
                .last_day()
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map_or(Timestamp(i64::MAX), |zoned| Timestamp(zoned.timestamp().as_microsecond())),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_reduced_precision_ends_on_its_last_day() {
        let last = |text: &str| PartialDate::parse(text).unwrap().last_day().to_string();
        assert_eq!(last("1987"), "1987-12-31");
        assert_eq!(last("1988-02"), "1988-02-29");
        assert_eq!(last("1987-05-12"), "1987-05-12");
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in ["2023-02-29", "2023-13", "87", "2023-1-1", "2023-01-01-01", "", "0000", "20x3", "2023-00-10"] {
            assert!(PartialDate::parse(text).is_err(), "{text}");
        }
        for text in ["2023-02-30T10:00:00Z", "2023-02-03T25:00:00Z", "2023-02-03T10:00:00", "yesterday at noon"] {
            assert!(Written::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_agencys_zone_decides_the_day_and_else_the_offset_as_written() {
        let late = Written::parse("2011-10-11T01:06:40.020+02:00").unwrap();
        assert_eq!(late.resolve(Some("Europe/Amsterdam")).unwrap().to_string(), "2011-10-11");
        assert_eq!(late.resolve(Some("UTC")).unwrap().to_string(), "2011-10-10");
        assert_eq!(late.resolve(None).unwrap().to_string(), "2011-10-11");
        assert!(late.resolve(Some("Mars/Olympus")).is_err());
    }

    #[test]
    fn a_time_in_utc_has_the_day_of_utc() {
        let written = Written::parse("2011-01-01T23:30:00Z").unwrap();
        assert_eq!(written.resolve(None).unwrap().to_string(), "2011-01-01");
        assert_eq!(written.resolve(Some("Europe/Amsterdam")).unwrap().to_string(), "2011-01-02");
        assert!(Written::parse("2011-02-30T23:30:00Z").is_err());
    }

    #[test]
    fn a_timestamp_is_written_with_six_digits_in_utc() {
        let at = Timestamp::parse("2026-01-02T03:04:05.1234567+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-01-02T02:04:05.123456Z");
    }
}
