//! The same arithmetic written differently: by jiff's calendar, searching year ends instead of computing them.

use super::*;
use jiff::civil;
use jiff::{Span, ToSpan};

fn plain(day: Date) -> civil::Date {
    civil::date(i16::try_from(day.year).unwrap(), i8::try_from(day.month).unwrap(), i8::try_from(day.day).unwrap())
}

/// Whether a year ends on this day: the day after it is the first of a new one.
fn is_year_end(day: civil::Date, end: MonthDay) -> bool {
    let last = day.last_of_month().day();
    day.month() == i8::try_from(end.month).unwrap() && day.day() == i8::try_from(end.day).unwrap().min(last)
}

/// All days on which such a year ended, found by looking at every day.
fn year_ends(end: MonthDay) -> Vec<civil::Date> {
    let days = civil::date(1994, 1, 1).series(1.day()).take_while(|day| day.year() < 2030);
    days.filter(|day| is_year_end(*day, end)).collect()
}

/// The last day kept: the first year's end from that day on, then from year's end to year's end, then months, then days.
fn last_day_kept(on: Date, ends: Option<(MonthDay, &[civil::Date])>, period: (u32, u32, u32)) -> civil::Date {
    let (years, months, days) = period;
    let Some((end, ends)) = ends else {
        let span = Span::new().years(years).months(months);
        return plain(on).checked_add(span).unwrap().checked_add(i64::from(days).days()).unwrap();
    };
    let first = ends.iter().position(|end| *end >= plain(on)).unwrap();
    let mut day = ends[first + years as usize];
    if months > 0 {
        // The month's own last day where the year's end would lie beyond it.
        let month = day.first_of_month().checked_add(i64::from(months).months()).unwrap();
        let wanted = i8::try_from(end.day).unwrap().min(month.last_of_month().day());
        day = month.with().day(wanted).build().unwrap();
    }
    day.checked_add(i64::from(days).days()).unwrap()
}

#[test]
fn thousands_of_rules_agree_with_a_calendar_that_somebody_else_wrote() {
    let ends = [(8, 31), (12, 31), (2, 29), (2, 28), (6, 30), (3, 31), (9, 30), (1, 1)];
    let periods =
        [(0, 0, 0), (1, 0, 0), (3, 0, 0), (4, 0, 0), (0, 1, 0), (0, 18, 0), (2, 7, 0), (1, 1, 1), (0, 0, 400)];
    let ends = ends.map(|(month, day)| MonthDay { month, day }).map(|end| (end, year_ends(end)));
    let cutoffs = [(Cutoff::None, None), (Cutoff::CalendarYear, Some(&ends[1]))]
        .into_iter()
        .chain(ends.iter().map(|end| (Cutoff::FiscalYear, Some(end))));
    let cutoffs: Vec<_> = cutoffs.collect();
    // A week apart, and every day of every February.
    let mut on = civil::date(1995, 12, 30);
    let (mut compared, mut leap_days) = (0_u32, 0_u32);
    while on.year() < 2013 {
        let day = Date::parse(&on.to_string()).unwrap();
        leap_days += u32::from(on.month() == 2 && on.day() == 29);
        for period @ (years, months, days) in periods {
            for (cutoff, ends) in &cutoffs {
                let ends = ends.map(|(end, days)| (*end, days.as_slice()));
                let expected = last_day_kept(day, ends, period).tomorrow().unwrap();
                let occurrence = Occurrence { on: Some(day), ..happened(Trigger::Closed, "2000-01-01") };
                let mut request =
                    request(vec![clause(Trigger::Closed, *cutoff, years, months, days)], vec![occurrence]);
                request.agencies[0].fiscal_year_end = ends.map(|(end, _)| end);
                let term = decide(request).term;
                let ends = ends.map(|(end, _)| end);
                assert_eq!(term, until(&expected.to_string()), "{on} {cutoff:?} {ends:?} {period:?}");
                compared += 1;
            }
        }
        on = on.checked_add(if on.month() == 2 { 1.day() } else { 7.days() }).unwrap();
    }
    assert!(compared > 50_000 && leap_days >= 4, "{compared} rules, {leap_days} leap days");
}
