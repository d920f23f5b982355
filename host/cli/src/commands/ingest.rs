//! Taking in events.

use crate::args::{Ingest, IngestFormat};
use crate::output::{Screen, Tone, pairs};
use crate::{Failure, workshop};
use fonds_model::AgencyPath;
use fonds_runtime::answers::RejectAnswer;
use fonds_runtime::ingest::{Told, WireFormat};
use std::path::Path;
use std::time::Instant;

/// So many rejects are shown to a person; a program gets the first 1,000.
const REJECTS_SHOWN: usize = 20;

/// `ingest`.
pub(crate) fn ingest(dir: &Path, told: &Ingest, screen: Screen) -> Result<(), Failure> {
    let format = told.format.map(|format| match format {
        IngestFormat::Openlineage => WireFormat::OpenLineage,
        IngestFormat::Cloudevents => WireFormat::CloudEvents,
        IngestFormat::Xes => WireFormat::Xes,
        IngestFormat::Premis => WireFormat::Premis,
    });
    let told = Told {
        files: told.files.clone(),
        format,
        map: told.map.clone(),
        agency: told.agency.as_deref().map(AgencyPath::new).transpose()?,
        rejects: told.rejects.clone(),
    };
    let runtime = workshop::open(dir)?;
    let bar = screen.progress("acknowledged");
    let began = Instant::now();
    let mut acknowledged = (0, began.elapsed());
    let ingested = runtime.ingest(&told, &mut |done| {
        bar.set_position(done);
        acknowledged = (done, began.elapsed());
        // Who feeds a pipe and asks for `-vv` learns how much of it is safe.
        tracing::debug!(events = done, "acknowledged");
    })?;
    bar.finish_and_clear();
    screen.took("acknowledged", acknowledged.0, acknowledged.1);
    screen.took("applied to the store", ingested.appended, began.elapsed());
    screen.answer(&ingested, |screen| {
        let text = pairs(
            screen,
            &[
                ("received", ingested.received.to_string()),
                ("appended", ingested.appended.to_string()),
                ("duplicate", ingested.duplicate.to_string()),
                ("rejected", ingested.rejected.to_string()),
                ("log size", ingested.log_size.to_string()),
            ],
        );
        text + &rejects_text(screen, &ingested.rejects)
    })?;
    runtime.close()?;
    reject_failure(ingested.rejected)
}

/// The first rejects, for a person.
pub(super) fn rejects_text(screen: &Screen, rejects: &[RejectAnswer]) -> String {
    let line = |reject: &RejectAnswer| {
        format!("{} {}:{}: {}\n", screen.paint(Tone::Bad, "rejected"), reject.file, reject.line, reject.reason)
    };
    let mut text: String = rejects.iter().take(REJECTS_SHOWN).map(line).collect();
    if rejects.len() > REJECTS_SHOWN {
        text += &format!("… and {} more: see --output json, or --rejects F\n", rejects.len() - REJECTS_SHOWN);
    }
    text
}

/// Some input was rejected: exit code 1.
pub(super) fn reject_failure(rejected: u64) -> Result<(), Failure> {
    if rejected == 0 {
        Ok(())
    } else {
        Err(Failure::Check(format!("{rejected} items were rejected; all others were taken")))
    }
}
