//! Commands that change something, each with a store that it has something to do in, and what may be left of it when one of
//! its calls on files fails.

use crate::erase::stands_in;
use crate::left::{AGAIN, SECRETS, Written, check_backup, check_renamed, is_read_only};
use crate::shim::{Fault, preload};
use crate::store::{Store, cloud_event, text};
use crate::trial::{BACKUP, Came, acknowledged, base, entries, finish};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What a job is to do, beside what every command promises.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Doing {
    /// Appends, and what is sent again counts once.
    Appending { exact: bool },
    /// Erases these entries' content, and with a scrub every byte of it.
    Erasing { proposal: Value, gone: Vec<usize>, scrub: bool },
    /// Makes a backup, where an older one may be already.
    BackingUp,
    /// Makes a copy in this folder, under its own or another name.
    Restoring { to: &'static str, renamed: bool },
}

/// A command with a store that it has something to do in, and how that ends when nothing fails.
pub(crate) struct Job {
    name: &'static str,
    store: Store,
    arguments: Vec<String>,
    doing: Doing,
    /// For each of its calls on files whether it changes one.
    calls: Vec<bool>,
    before: Written,
    entries: Vec<String>,
    log_size: u64,
    register: Vec<Value>,
}

/// The register, without what differs from run to run.
fn register(store: &Store, dir: &Path) -> Result<(u64, Vec<Value>), String> {
    let came = finish(&mut store.trial_at(dir, &["record", "list"]));
    if came.code() != Some(0) || came.panicked() {
        return Err(format!("the register cannot be read: {:?} {}", came.status, came.said));
    }
    let list = came.json().ok_or("no JSON")?;
    let row = |record: &Value| {
        let decided = &record["decisions"]["retention"];
        let row = [&record["id"], &record["state"], &record["created"], &record["closed"], &decided["term"]];
        Value::from(row.into_iter().chain([&decided["date"]]).cloned().collect::<Vec<_>>())
    };
    let rows = list["records"].as_array().into_iter().flatten().map(row).collect();
    Ok((list["log_size"].as_u64().unwrap_or_default(), rows))
}

fn beside(store: &Store) -> String {
    store.file("").display().to_string().trim_end_matches('/').to_owned()
}

fn succeeds(came: &Came, what: &str) -> Result<(), String> {
    if came.code() == Some(0) && !came.panicked() { Ok(()) } else { Err(format!("{what}: {} {}", came.said, came.out)) }
}

impl Job {
    fn new(
        name: &'static str,
        store: Store,
        before: Written,
        (arguments, doing): (&[&str], Doing),
        shim: &Path,
    ) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let entries = entries(&store.dir()).expect("the base is whole");
        let mut job =
            Self { name, store, arguments, doing, calls: vec![], before, entries, log_size: 0, register: vec![] };
        let whole = job.store.copy();
        let count = whole.file("count");
        let came = job.run(&whole, shim, None, Some(&count));
        assert_eq!(came.code(), Some(0), "{}", came.said);
        job.calls = std::fs::read(count).expect("a count").iter().map(|&letter| letter == b'w').collect();
        assert!(job.calls.len() > 20, "`{name}` makes only {} calls", job.calls.len());
        (job.log_size, job.register) = register(&whole, &job.dir(&whole)).expect("what nothing failed in is whole");
        job
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.len() as u64
    }

    /// Whether the call of this number, counted from 1, changes a file.
    pub(crate) fn changes_at(&self, at: u64) -> bool {
        self.calls[at as usize - 1]
    }

    /// The data folder that it works on.
    fn dir(&self, store: &Store) -> PathBuf {
        match self.doing {
            Doing::Restoring { to, .. } => store.file(to),
            _ => store.dir(),
        }
    }

    fn run(&self, store: &Store, shim: &Path, fault: Option<&Fault>, count: Option<&Path>) -> Came {
        // Each copy has its inputs beside it.
        let words: Vec<String> = self.arguments.iter().map(|word| word.replace("BESIDE", &beside(store))).collect();
        let words: Vec<&str> = ["-vv"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let mut command = store.trial_at(&self.dir(store), &words);
        // A copy lies beside the log, and so its files fail too; what is ingested does not.
        let copies = matches!(self.doing, Doing::BackingUp | Doing::Restoring { .. });
        preload(&mut command, shim, &if copies { store.file("") } else { store.dir() }, fault);
        if let Some(count) = count {
            // It counts what it could fail at, and so everything that is read too.
            command.env("SHIM_COUNT", count).env("SHIM_AT", u64::MAX.to_string());
        }
        finish(&mut command)
    }

    /// Lets it fail once, and looks at what is left.
    pub(crate) fn fail(&self, shim: &Path, fault: &Fault) -> Result<&'static str, String> {
        let store = self.store.copy();
        let came = self.run(&store, shim, Some(fault), None);
        let ended = match (came.code(), fault.act.starts_with("kill")) {
            _ if came.panicked() => return Err(format!("it panicked: {}", came.said)),
            (Some(0), _) => "done all the same",
            (Some(5), _) => "refused",
            // What could not be read when holds and approvals were looked at once more counts as one that stands against it.
            (Some(4), _) if came.said.contains("refused at the end of the log: could not") => "refused",
            (None, true) => "killed",
            (code, _) => return Err(format!("it exited with {code:?}: {}", came.said)),
        };
        let is_done = ended == "done all the same";
        if let Doing::Restoring { .. } = self.doing {
            return self.check_restored(&store, shim, is_done).map(|()| ended);
        }
        if self.doing == Doing::BackingUp {
            let size = self.entries.len() as u64;
            check_backup(&store.file(BACKUP), &self.before, is_done.then_some(size))?;
        }
        let safe = if is_done { self.log_size } else { 0 };
        self.check_log(&store, safe.max(self.entries.len() as u64 + acknowledged(&came.said)))?;
        succeeds(&self.run(&store, shim, None, None), "it cannot be done again")?;
        self.check_done(&store)?;
        Ok(ended)
    }

    /// The log opens, has all that was acknowledged, verifies, and is what it was, but for what an entry erased.
    fn check_log(&self, store: &Store, safe: u64) -> Result<(), String> {
        let (size, _) = register(store, &store.dir())?;
        if size < safe {
            return Err(format!("{size} entries are left of {safe} acknowledged"));
        }
        succeeds(&store.came(&["verify"]), "it does not verify")?;
        let kept = entries(&store.dir())?;
        let changed = |seq: &usize| kept.get(*seq) != self.entries.get(*seq);
        let changed: Vec<usize> = (0..self.entries.len()).filter(changed).collect();
        let Doing::Erasing { proposal, gone, .. } = &self.doing else {
            return if changed.is_empty() {
                Ok(())
            } else {
                Err(format!("entries {changed:?} are not what they were"))
            };
        };
        let is_said = kept[self.entries.len()..].iter().any(|entry| entry.contains(" log.erased "));
        if changed != if is_said { gone.as_slice() } else { &[] } {
            return Err(format!("of {gone:?}, {changed:?} are erased, and an entry that says so: {is_said}"));
        }
        let list = store.came(&["log", "erase", "--list"]).json().ok_or("erasures are not listed")?;
        let told = list["erasures"].as_array().into_iter().flatten();
        let state = told.filter(|one| one["proposal"] == *proposal).map(|one| one["state"].clone()).next();
        let state = state.unwrap_or_default();
        if (state == "erased") == is_said {
            Ok(())
        } else {
            Err(format!("it is said to be {state}, and is it? {is_said}"))
        }
    }

    /// Done again, all is as if it had never failed, and writing goes on.
    fn check_done(&self, store: &Store) -> Result<(), String> {
        let (size, register) = register(store, &store.dir())?;
        if register != self.register {
            return Err("done again, the register is another".to_owned());
        }
        if let Doing::Appending { exact: true } = self.doing
            && size != self.log_size
        {
            return Err(format!("done again, there are {size} entries and not {}", self.log_size));
        }
        if let Doing::Erasing { gone, scrub, .. } = &self.doing {
            let kept = entries(&store.dir())?;
            if gone.iter().any(|seq| kept[*seq] == self.entries[*seq]) {
                return Err("done again, the content is still there".to_owned());
            }
            let left = if *scrub { stands_in(&store.dir(), SECRETS[1]) } else { Vec::new() };
            if !left.is_empty() {
                return Err(format!("scrubbed again, {left:?} still have it"));
            }
        }
        if self.doing == Doing::BackingUp {
            let mut now = Written::default();
            now.see(&store.dir())?;
            check_backup(&store.file(BACKUP), &now, Some(self.entries.len() as u64))?;
        }
        succeeds(&store.came(&["agency", "define", "later"]), "writing does not go on")?;
        succeeds(&store.came(&["verify"]), "it does not verify at the end")
    }

    /// A copy is whole, or nothing that anybody would take for the log; and it can be made again.
    fn check_restored(&self, store: &Store, shim: &Path, is_done: bool) -> Result<(), String> {
        let Doing::Restoring { renamed, .. } = self.doing else { return Ok(()) };
        let (to, above) = (self.dir(store), store.file(""));
        let look = |is_done: bool| -> Result<(), String> {
            if is_done {
                succeeds(&finish(&mut store.trial_at(&to, &["verify"])), "the copy does not verify")?;
                if register(store, &to)? != (self.log_size, self.register.clone()) {
                    return Err("the copy answers otherwise".to_owned());
                }
            }
            match renamed {
                true => check_renamed(&to, &above, is_done),
                false if to.exists() => is_read_only(&to, &above),
                false => Ok(()),
            }
        };
        look(is_done)?;
        succeeds(&store.came(&["verify"]), "the log itself does not verify")?;
        if is_done {
            return Ok(());
        }
        // Half of one is never talked into being a log.
        if renamed
            && to.exists()
            && finish(&mut store.trial_at(&to, &["restore", "--new-origin", AGAIN])).code() == Some(0)
        {
            return check_renamed(&to, &above, true);
        }
        if self.run(store, shim, None, None).code() != Some(0) {
            std::fs::remove_dir_all(&to).map_err(|error| error.to_string())?;
            succeeds(&self.run(store, shim, None, None), "it cannot be restored again")?;
        }
        look(true)
    }
}

/// A store in which an erasure of a run, another in a later segment, and a record has been proposed.
fn proposed(base: &Store) -> (Store, Doing) {
    let store = base.copy();
    let secret = json!({ "agency": "a", "title": SECRETS[1] });
    let event = cloud_event("secret", "record.created", "case/secret", "2001-02-03", &secret);
    store.must(&["ingest", &store.write("secret", event)]);
    let record = entries(&store.dir()).expect("it is whole").len() - 1;
    let what = ["--item", "5", "--item", "700", "--record", "case/secret"];
    let answer = store.must(&[&["log", "erase", "--authority", "Act 1", "--by", "a"][..], &what].concat());
    (store, Doing::Erasing { proposal: answer["proposal"].clone(), gone: vec![5, 700, record], scrub: false })
}

/// A store with a backup, and something that was erased since.
fn backed_up(base: &Store) -> (Store, Written) {
    let (store, doing) = proposed(base);
    let Doing::Erasing { proposal, .. } = doing else { unreachable!("that is what was proposed") };
    store.must(&["backup", text(&store.file(BACKUP))]);
    let mut before = Written::default();
    before.see(&store.dir()).expect("it is whole");
    store.must(&["log", "erase", "--approve", &proposal.to_string(), "--by", "b"]);
    before.see(&store.dir()).expect("it is whole");
    (store, before)
}

/// All of them.
pub(crate) fn jobs(shim: &Path) -> Vec<Job> {
    let base = base();
    let seen = |store: &Store| {
        let mut seen = Written::default();
        seen.see(&store.dir()).expect("it is whole");
        seen
    };
    let appending = |name, store: Store, arguments: &[&str], exact| {
        let before = seen(&store);
        Job::new(name, store, before, (arguments, Doing::Appending { exact }), shim)
    };
    let undecided = base.copy();
    undecided.must(&["ingest", &undecided.file("more").display().to_string()]);
    let mut jobs = vec![
        appending("ingest", base.copy(), &["ingest", "BESIDE/more"], true),
        appending("evaluate", undecided, &["evaluate", "--as-of", "2020-01-01"], false),
        appending("store rebuild", base.copy(), &["store", "rebuild"], true),
        appending("agency define", base.copy(), &["agency", "define", "b"], false),
        appending("log key rotate", base.copy(), &["log", "key", "rotate", "--by", "a"], false),
    ];
    for (name, scrub) in [("log erase", false), ("log erase --scrub", true)] {
        let (store, doing) = proposed(&base);
        let Doing::Erasing { proposal, gone, .. } = doing else { unreachable!("that is what was proposed") };
        let before = seen(&store);
        let number = proposal.to_string();
        let mut told = vec!["log", "erase", "--approve", &number, "--by", "b"];
        told.extend(scrub.then_some("--scrub"));
        let doing = Doing::Erasing { proposal: proposal.clone(), gone, scrub };
        jobs.push(Job::new(name, store, before, (&told, doing), shim));
    }
    let told = ["backup", "BESIDE/backup"];
    jobs.push(Job::new("backup", base.copy(), seen(&base), (&told, Doing::BackingUp), shim));
    let (store, before) = backed_up(&base);
    jobs.push(Job::new("backup again", store, before, (&told, Doing::BackingUp), shim));
    for (name, to, renamed) in [("restore", "restored", false), ("restore --new-origin", "renamed", true)] {
        let (store, before) = backed_up(&base);
        store.must(&["backup", text(&store.file(BACKUP))]);
        let mut told = vec!["restore", "BESIDE/backup"];
        told.extend(renamed.then_some(["--new-origin", AGAIN]).into_iter().flatten());
        jobs.push(Job::new(name, store, before, (&told, Doing::Restoring { to, renamed }), shim));
    }
    jobs
}
