//! Fonds on the command line: arguments, rendering, exit codes; the only crate that prints.

mod args;
mod commands;
mod output;
mod render;
mod workshop;

use args::Cli;
use clap::Parser;
use miette::Diagnostic;
use output::Screen;
use std::process::ExitCode;

/// Folding makes and drops millions of small rows on several threads, where the system's allocator takes its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What ends a command early; each variant has its exit code.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum Failure {
    /// The check failed, or some input was rejected; the answer has been printed already.
    #[error("{0}")]
    Check(String),
    /// What was asked for makes no sense as it was asked.
    #[error("{0}")]
    Usage(String),
    /// What was asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// Who asks may not.
    #[error("{0}")]
    Denied(String),
    /// The store refused or failed.
    #[error("{0}")]
    Store(String),
    /// The store could not be read when it was opened, and has been set aside; nothing else was done.
    #[error("{0}")]
    Lost(String),
    /// Nobody reads the answer any more.
    #[error("the answer could not be printed: {0}")]
    Print(#[from] std::io::Error),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Failure::Check(_) => 1,
            Failure::Usage(_) => 2,
            Failure::NotFound(_) => 3,
            Failure::Denied(_) => 4,
            Failure::Store(_) | Failure::Lost(_) | Failure::Print(_) => 5,
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    trace(cli.verbose, cli.quiet);
    fonds_store::hide_panics();
    let screen = Screen::new(&cli);
    let (store, only_asks) = (cli.store.join(fonds_store::STORE), cli.command.only_asks());
    let done = commands::run(cli, screen);
    match &done {
        Err(Failure::Lost(why)) => {
            screen.complain(&format!("{why}, and is made anew from the journal"));
            workshop::begin_again();
        }
        // What only asks may be asked again, as long as nothing of an answer was given.
        Err(Failure::Store(why)) if only_asks && fonds_store::is_lost(&store) && !output::has_answered() => {
            screen.complain(why);
            workshop::begin_again();
        }
        _ => {}
    }
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Print(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.code();
            screen.complain(&format!("{:?}", miette::Report::new(failure)));
            ExitCode::from(code)
        }
    }
}

/// What happens inside goes to stderr when `-v` asks for it; what went wrong and was put right always does.
fn trace(verbose: u8, quiet: bool) {
    let level = match verbose {
        0 if quiet => tracing::Level::ERROR,
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        _ => tracing::Level::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).without_time().init();
}
