//! Civil dates and periods: what retention counts with, small enough for a guest.

use crate::{Date, MonthDay};

/// The last year of the calendar that policies count in.
pub const YEAR_MAX: i32 = 9999;

const fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Date {
    /// The date, if there is such a day in the years 1 to [`YEAR_MAX`].
    #[must_use]
    pub const fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let date = Self { year, month, day };
        if date.is_real() { Some(date) } else { None }
    }

    /// Whether there is such a day in the years 1 to [`YEAR_MAX`].
    #[must_use]
    pub const fn is_real(self) -> bool {
        1 <= self.year
            && self.year <= YEAR_MAX
            && 1 <= self.month
            && self.month <= 12
            && 1 <= self.day
            && self.day <= days_in_month(self.year, self.month)
    }

    /// Reads `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |width: usize| {
            let part = parts.next()?;
            let digits = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
            if digits { part.parse::<u16>().ok() } else { None }
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        if parts.next().is_some() {
            return None;
        }
        Self::new(i32::from(year), u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }

    /// The day after; none after the calendar's last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        if self.day < days_in_month(self.year, self.month) {
            return Some(Self { day: self.day + 1, ..self });
        }
        match (self.month, self.year) {
            (12, YEAR_MAX) => None,
            (12, year) => Some(Self { year: year + 1, month: 1, day: 1 }),
            (month, year) => Some(Self { year, month: month + 1, day: 1 }),
        }
    }

    /// This many months later, at the latest on that month's last day.
    #[must_use]
    pub fn plus_months(self, months: u64) -> Option<Self> {
        months_after(self.year, self.month, self.day, months)
    }

    /// This many days later.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Option<Self> {
        if days == 0 {
            return Some(self);
        }
        from_day_number(self.day_number().checked_add(i64::from(days))?)
    }

    /// Days since 1 March of the year 0, by the calendar of 400-year cycles that starts there.
    const fn day_number(self) -> i64 {
        let year = self.year as i64 - if self.month <= 2 { 1 } else { 0 };
        let month = (self.month as i64 + 9) % 12;
        year * 365 + year.div_euclid(4) - year.div_euclid(100)
            + year.div_euclid(400)
            + (month * 153 + 2) / 5
            + self.day as i64
            - 1
    }

    /// The last day of the year that holds this date and ends on that day of every year; none after the calendar's end.
    #[must_use]
    pub fn year_end(self, end: MonthDay) -> Option<Self> {
        let this_year = end.in_year(self.year)?;
        if self <= this_year { Some(this_year) } else { end.in_year(self.year + 1) }
    }
}

/// `day` of the month that many months after, clamped once to that month's last day.
fn months_after(year: i32, month: u8, day: u8, months: u64) -> Option<Date> {
    let index = u64::try_from(year).ok()?.checked_mul(12)?.checked_add(u64::from(month).checked_sub(1)?)?;
    let index = index.checked_add(months)?;
    let (year, month) = (i32::try_from(index / 12).ok()?, u8::try_from(index % 12).ok()? + 1);
    Date::new(year, month, day.min(days_in_month(year, month)))
}

fn from_day_number(number: i64) -> Option<Date> {
    let cycle = number.div_euclid(146_097);
    let in_cycle = number.rem_euclid(146_097);
    let year_of_cycle = (in_cycle - in_cycle / 1_460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * in_year + 2) / 153;
    let day = u8::try_from(in_year - (153 * month_from_march + 2) / 5 + 1).ok()?;
    let month = u8::try_from(if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 }).ok()?;
    let year = cycle * 400 + year_of_cycle + i64::from(month <= 2);
    Date::new(i32::try_from(year).ok()?, month, day)
}

impl MonthDay {
    /// The end of the calendar year.
    pub const DECEMBER_31: Self = Self { month: 12, day: 31 };

    /// Whether there is such a day in some year.
    #[must_use]
    pub const fn is_real(self) -> bool {
        1 <= self.month && self.month <= 12 && 1 <= self.day && self.day <= days_in_month(2000, self.month)
    }

    /// This day of that year; 29 February means February's last.
    #[must_use]
    pub fn in_year(self, year: i32) -> Option<Date> {
        if !self.is_real() {
            return None;
        }
        Date::new(year, self.month, self.day.min(days_in_month(year, self.month)))
    }
}

/// A period of retention: whole years and months together, then days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// Whole years.
    pub years: u32,
    /// Whole months.
    pub months: u32,
    /// Days, counted last.
    pub days: u32,
}

impl Period {
    /// A period of whole years.
    #[must_use]
    pub const fn years(years: u32) -> Self {
        Self { years, months: 0, days: 0 }
    }

    /// Years and months as months.
    fn in_months(self) -> u64 {
        u64::from(self.years) * 12 + u64::from(self.months)
    }

    /// The period's last day when it is counted from a date; that day itself is left out.
    ///
    /// Years and months are counted together and clamped once to the month's last day: 31 January and a month is 28 or
    /// 29 February. None when it lies beyond the year [`YEAR_MAX`].
    #[must_use]
    pub fn after(self, on: Date) -> Option<Date> {
        if !on.is_real() {
            return None;
        }
        on.plus_months(self.in_months())?.plus_days(self.days)
    }

    /// The period's last day when it is counted from the end of the year that holds `on` and ends on `end`.
    ///
    /// Years step from one year's end to another's, so a year that ends in February keeps its last day: the three
    /// years after the one that ended on 2005-02-28 end on 2008-02-29 when `end` is 29 February.
    #[must_use]
    pub fn after_year_of(self, on: Date, end: MonthDay) -> Option<Date> {
        if !on.is_real() {
            return None;
        }
        // The year's own month and day, and not the day that it ended on, so that there is one clamp and no more.
        let ended = on.year_end(end)?;
        months_after(ended.year, end.month, end.day, self.in_months())?.plus_days(self.days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn a_day_that_no_calendar_has_is_refused() {
        for text in ["2023-02-29", "2024-02-30", "1900-02-29", "2024-13-01", "2024-00-10", "2024-04-31", "0000-01-01"] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        for text in ["24-01-01", "2024-1-01", "2024-01-01-", "+024-01-01", "2024/01/01", ""] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        assert!(Date::parse("2000-02-29").is_some());
    }

    #[test]
    fn walking_day_by_day_and_jumping_agree_over_a_whole_cycle_of_the_calendar() {
        let start = date("1899-12-31");
        let mut walked = start;
        for days in 0..146_097_u32 {
            assert_eq!(start.plus_days(days), Some(walked), "{days} days after {start:?}");
            walked = walked.next().unwrap();
        }
    }

    #[test]
    fn the_calendar_ends_and_does_not_wrap() {
        let last = date("9999-12-31");
        assert_eq!(last.next(), None);
        assert_eq!(last.plus_days(1), None);
        assert_eq!(last.plus_days(u32::MAX), None);
        assert_eq!(last.plus_months(1), None);
        assert_eq!(last.plus_months(u64::MAX), None);
        assert_eq!(Period { years: u32::MAX, months: u32::MAX, days: u32::MAX }.after(date("0001-01-01")), None);
        assert_eq!(date("9999-12-01").year_end(MonthDay { month: 8, day: 31 }), None);
    }

    #[test]
    fn years_and_months_are_clamped_once_and_days_come_last() {
        assert_eq!(Period { years: 0, months: 1, days: 0 }.after(date("2023-01-31")), Some(date("2023-02-28")));
        assert_eq!(Period { years: 1, months: 0, days: 0 }.after(date("2024-02-29")), Some(date("2025-02-28")));
        // Clamping after the year and again after the months would give 28 March.
        assert_eq!(Period { years: 1, months: 1, days: 0 }.after(date("2024-02-29")), Some(date("2025-03-29")));
        assert_eq!(Period { years: 0, months: 1, days: 1 }.after(date("2023-01-31")), Some(date("2023-03-01")));
    }

    #[test]
    fn a_year_that_ends_in_february_keeps_its_last_day() {
        let february = MonthDay { month: 2, day: 29 };
        assert_eq!(date("2005-02-28").year_end(february), Some(date("2005-02-28")));
        assert_eq!(date("2008-02-29").year_end(february), Some(date("2008-02-29")));
        assert_eq!(date("2007-03-01").year_end(february), Some(date("2008-02-29")));
        assert_eq!(Period::years(3).after_year_of(date("2004-12-01"), february), Some(date("2008-02-29")));
        assert_eq!(Period::years(1).after_year_of(date("2008-02-29"), february), Some(date("2009-02-28")));
    }

    #[test]
    fn three_years_after_the_fiscal_year_that_ended_in_august_2008() {
        let august = MonthDay { month: 8, day: 31 };
        for on in ["2007-09-01", "2008-02-29", "2008-08-31"] {
            assert_eq!(Period::years(3).after_year_of(date(on), august), Some(date("2011-08-31")), "{on}");
        }
        assert_eq!(Period::years(3).after_year_of(date("2008-09-01"), august), Some(date("2012-08-31")));
    }

    #[test]
    fn a_fiscal_year_that_ends_on_no_day_counts_nothing() {
        for end in [MonthDay { month: 2, day: 30 }, MonthDay { month: 0, day: 1 }, MonthDay { month: 13, day: 1 }] {
            assert_eq!(Period::years(1).after_year_of(date("2020-01-01"), end), None);
        }
    }
}
