//! Bars as SVG, to stand in a page: no script, no font, nothing from elsewhere.

use super::page::escaped;
use std::fmt::Write as _;

/// A bar of one or more parts.
pub(crate) struct Bar {
    label: String,
    parts: Vec<(&'static str, u64)>,
}

impl Bar {
    /// A bar without parts.
    pub(crate) fn empty(label: String) -> Self {
        Self { label, parts: Vec::new() }
    }

    /// A bar of one part.
    pub(crate) fn of(label: String, part: &'static str, count: u64) -> Self {
        Self { label, parts: vec![(part, count)] }
    }

    /// Adds to a part.
    pub(crate) fn add(&mut self, part: &'static str, count: u64) {
        match self.parts.iter_mut().find(|(known, _)| *known == part) {
            Some((_, known)) => *known += count,
            None => self.parts.push((part, count)),
        }
    }

    fn total(&self) -> u64 {
        self.parts.iter().map(|(_, count)| count).sum()
    }
}

/// Bars with a title.
pub(crate) struct Plot {
    pub(crate) title: String,
    /// What is counted.
    pub(crate) unit: &'static str,
    /// The bars stand, and do not lie.
    pub(crate) is_upright: bool,
    pub(crate) bars: Vec<Bar>,
}

/// Told apart without colour too: they differ in lightness, and the legend has words (Okabe and Ito's palette).
const COLOURS: [&str; 5] = ["#0072b2", "#e69f00", "#56b4e9", "#a6005e", "#999999"];

const WIDTH: u64 = 960;

/// So much of a label is shown; all of it is in the table.
const LABEL_CHARACTERS_MAX: usize = 34;

fn shortened(label: &str) -> String {
    if label.chars().count() <= LABEL_CHARACTERS_MAX {
        return label.to_owned();
    }
    label.chars().take(LABEL_CHARACTERS_MAX - 1).chain(['…']).collect()
}

/// A round number that is no less, for the end of an axis.
fn rounded_up(most: u64) -> u64 {
    let mut step = 1_u64;
    loop {
        for factor in [1, 2, 4, 5, 8] {
            let end = step.saturating_mul(factor);
            if end >= most || end == u64::MAX {
                return end;
            }
        }
        step = step.saturating_mul(10);
    }
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

impl Plot {
    /// The parts in the order in which they come, for the legend.
    fn parts(&self) -> Vec<&'static str> {
        let mut parts: Vec<&'static str> = Vec::new();
        for (part, _) in self.bars.iter().flat_map(|bar| &bar.parts) {
            if !parts.contains(part) {
                parts.push(part);
            }
        }
        parts.sort_unstable();
        parts
    }

    fn colour(&self, parts: &[&str], part: &str) -> &'static str {
        let index = parts.iter().position(|known| *known == part).unwrap_or_default();
        COLOURS.get(index.min(COLOURS.len() - 1)).copied().unwrap_or("#000")
    }

    /// The plot as an SVG element; `number` tells it from others on the page. None when there is nothing to show.
    pub(crate) fn svg(&self, number: usize) -> Option<String> {
        let most = self.bars.iter().map(Bar::total).max().filter(|most| *most > 0)?;
        let end = rounded_up(most);
        let parts = self.parts();
        let (drawn, height) = if self.is_upright { self.standing(end, &parts) } else { self.lying(end, &parts) };
        let (legend, legend_height) = self.legend(&parts, height);
        let total = height + legend_height;
        let said = format!(
            "{} bars; the largest is {most} {}. The numbers are in the table below.",
            self.bars.len(),
            self.unit
        );
        Some(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {total}\" role=\"img\" \
             aria-labelledby=\"plot{number}t plot{number}d\"><title id=\"plot{number}t\">{}</title>\
             <desc id=\"plot{number}d\">{}</desc>{drawn}{legend}</svg>\n",
            escaped(&self.title),
            escaped(&said),
        ))
    }

    fn standing(&self, end: u64, parts: &[&str]) -> (String, u64) {
        const LEFT: u64 = 70;
        const TOP: u64 = 14;
        const HEIGHT: u64 = 240;
        let scaled = |count: u64| count as f64 / end as f64 * HEIGHT as f64;
        let bottom = TOP + HEIGHT;
        let mut drawn = String::new();
        for quarter in 0..=4 {
            let (y, value) = (bottom - HEIGHT * quarter / 4, end as f64 * quarter as f64 / 4.0);
            let _ = write!(drawn, "<path d=\"M{LEFT} {y}H{WIDTH}\" stroke=\"#ccc\"/>");
            if value.fract() == 0.0 {
                let _ = write!(
                    drawn,
                    "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                    LEFT - 8,
                    y + 4,
                    grouped(value as u64)
                );
            }
        }
        let step = (WIDTH - LEFT) as f64 / self.bars.len().max(1) as f64;
        for (index, bar) in self.bars.iter().enumerate() {
            let x = LEFT as f64 + step * (index as f64 + 0.1);
            let mut y = bottom as f64;
            for (part, count) in &bar.parts {
                let height = scaled(*count);
                y -= height;
                let _ = write!(
                    drawn,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{}\"/>",
                    step * 0.8,
                    self.colour(parts, part),
                );
            }
            let middle = x + step * 0.4 + 4.0;
            let _ = write!(
                drawn,
                "<text transform=\"translate({middle:.1} {}) rotate(-60)\" text-anchor=\"end\">{}</text>",
                bottom + 14,
                escaped(&shortened(&bar.label)),
            );
        }
        (drawn, bottom + 80)
    }

    fn lying(&self, end: u64, parts: &[&str]) -> (String, u64) {
        const LEFT: u64 = 250;
        const RIGHT: u64 = 90;
        const ROW: u64 = 24;
        let mut drawn = String::new();
        let scaled = |count: u64| count as f64 / end as f64 * (WIDTH - LEFT - RIGHT) as f64;
        for (index, bar) in self.bars.iter().enumerate() {
            let y = index as u64 * ROW + 4;
            let label = escaped(&shortened(&bar.label));
            let _ = write!(drawn, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>", LEFT - 8, y + 14);
            let mut x = LEFT as f64;
            for (part, count) in &bar.parts {
                let width = scaled(*count);
                let colour = self.colour(parts, part);
                let _ = write!(
                    drawn,
                    "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{}\" fill=\"{colour}\"/>",
                    ROW - 6
                );
                x += width;
            }
            let _ = write!(drawn, "<text x=\"{:.1}\" y=\"{}\">{}</text>", x + 6.0, y + 14, grouped(bar.total()));
        }
        let height = self.bars.len() as u64 * ROW + 8;
        let _ = write!(drawn, "<path d=\"M{LEFT} 0V{height}\" stroke=\"#555\"/>");
        (drawn, height)
    }

    /// What the colours mean, where there is more than one.
    fn legend(&self, parts: &[&str], top: u64) -> (String, u64) {
        if parts.len() < 2 && parts.iter().all(|part| part.is_empty()) {
            return (String::new(), 0);
        }
        let mut drawn = String::new();
        let mut x = 70;
        for part in parts {
            let _ = write!(
                drawn,
                "<rect x=\"{x}\" y=\"{}\" width=\"14\" height=\"14\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>",
                top + 6,
                self.colour(parts, part),
                x + 20,
                top + 18,
                escaped(part),
            );
            x += 40 + part.chars().count() as u64 * 9;
        }
        (drawn, 28)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_on_a_round_number_that_is_no_less() {
        for (most, end) in [(1, 1), (3, 4), (7, 8), (9, 10), (11, 20), (41, 50), (999, 1_000), (u64::MAX, u64::MAX)] {
            assert_eq!(rounded_up(most), end);
        }
    }

    #[test]
    fn a_label_cannot_leave_its_text() {
        let bars = vec![Bar::of("<script>&\"'".to_owned(), "", 2)];
        let svg = Plot { title: "</title>".to_owned(), unit: "", is_upright: false, bars }.svg(1).unwrap();
        assert!(svg.contains("&lt;script&gt;&amp;&quot;&#39;") && svg.contains("&lt;/title&gt;"), "{svg}");
        assert!(!svg.contains("<script"), "{svg}");
    }

    #[test]
    fn nothing_makes_no_plot() {
        let plot =
            Plot { title: String::new(), unit: "", is_upright: true, bars: vec![Bar::empty("2026-01".to_owned())] };
        assert!(plot.svg(1).is_none());
    }
}
