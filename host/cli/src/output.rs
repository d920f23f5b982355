//! Answers go to stdout, as a table for people or JSON for programs; messages and progress go to stderr.

use crate::args::{Cli, Output};
use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static ANSWERED: AtomicBool = AtomicBool::new(false);

/// Whether any of an answer was printed.
pub(crate) fn has_answered() -> bool {
    ANSWERED.load(Ordering::Relaxed)
}

/// How this run shows things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) output: Output,
    colour: bool,
    quiet: bool,
    verbose: bool,
}

/// What a piece of text means, so that colour is chosen in one place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tone {
    Heading,
    Good,
    Bad,
    Quiet,
    Name,
}

impl Screen {
    pub(crate) fn new(cli: &Cli) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            output: cli.output,
            colour: io::stdout().is_terminal() && !no_colour,
            quiet: cli.quiet,
            verbose: cli.verbose > 0,
        }
    }

    /// The text, in colour on a terminal.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Heading => Style::new().bold(),
            Tone::Good => Style::new().fg_color(Some(AnsiColor::Green.into())),
            Tone::Bad => Style::new().bold().fg_color(Some(AnsiColor::Red.into())),
            Tone::Quiet => Style::new().dimmed(),
            Tone::Name => Style::new().fg_color(Some(AnsiColor::Cyan.into())),
        };
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Whether a program reads the answer.
    pub(crate) fn is_json(&self) -> bool {
        self.output != Output::Table
    }

    /// One document, for `json` as for `ndjson`; for people what `table` says.
    pub(crate) fn answer<T: Serialize>(&self, answer: &T, table: impl FnOnce(&Self) -> String) -> io::Result<()> {
        match self.output {
            Output::Table => self.text(&table(self)),
            Output::Json | Output::Ndjson => self.json(answer),
        }
    }

    /// A JSON document, in one line for `ndjson`; written as it is made, since it may be long.
    pub(crate) fn json<T: Serialize>(&self, answer: &T) -> io::Result<()> {
        let mut stdout = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
        match self.output {
            Output::Ndjson => serde_json::to_writer(&mut stdout, answer)?,
            Output::Table | Output::Json => serde_json::to_writer_pretty(&mut stdout, answer)?,
        }
        stdout.write_all(b"\n")?;
        stdout.flush()
    }

    /// A list: one document holding all under `name`, or a document a line.
    pub(crate) fn list<T: Serialize>(
        &self,
        name: &str,
        items: &[T],
        log_size: u64,
        table: impl FnOnce(&Self) -> String,
    ) -> io::Result<()> {
        match self.output {
            Output::Table => self.text(&table(self)),
            Output::Json => {
                let mut document = serde_json::Map::new();
                document.insert(name.to_owned(), serde_json::to_value(items)?);
                document.insert("log_size".to_owned(), log_size.into());
                self.text(&(serde_json::to_string_pretty(&document)? + "\n"))
            }
            Output::Ndjson => items.iter().try_for_each(|item| self.text(&(serde_json::to_string(item)? + "\n"))),
        }
    }

    /// Bytes as they are.
    pub(crate) fn text(&self, text: &str) -> io::Result<()> {
        ANSWERED.store(true, Ordering::Relaxed);
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// A message for the person, on stderr.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            // Nobody is left to be told when stderr is gone.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// How long something took, on stderr, when `-v` asks for it.
    pub(crate) fn took(&self, what: &str, count: u64, elapsed: Duration) {
        if self.verbose {
            let seconds = elapsed.as_secs_f64();
            self.say(&format!("{what}: {count} in {seconds:.3} s, {:.0}/s", count as f64 / seconds.max(1e-9)));
        }
    }

    /// An error, on stderr, also when all else is quiet.
    pub(crate) fn complain(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{}", text.trim_end());
    }

    /// A progress bar on a terminal, and silence otherwise.
    pub(crate) fn progress(&self, what: &'static str) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        }
        let template = "{msg:>12} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(0).with_style(style).with_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// A table for people, as wide as the terminal.
pub(crate) fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    format!("{table}\n")
}

/// Names and values under each other.
pub(crate) fn pairs(screen: &Screen, pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        format!("{}  {value}\n", screen.paint(Tone::Quiet, &format!("{name:>width$}")))
    };
    pairs.iter().map(line).collect()
}
