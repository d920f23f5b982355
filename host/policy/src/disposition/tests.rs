use super::*;
use proptest::prelude::*;

fn act(step: Step, seq: u64, by: Option<&str>, assurance: Assurance) -> Act {
    let position = Position { seq, item: 0 };
    Act { step, position, by: by.map(str::to_owned), by_assurance: Some(assurance), why: None }
}

fn course<'a>(action: Proposal, proposer: Option<&'a str>, acts: &'a [Act]) -> Course<'a> {
    Course { action, proposer, acts }
}

const UNSIGNED: Settings = Settings { approvals: 1, signed: Signed::None, second_person: false };

#[test]
fn an_unsigned_approval_of_a_destruction_is_worth_nothing_unless_the_setting_says_so() {
    let acts = [act(Step::Approved, 1, Some("anna"), Assurance::Asserted)];
    let destroy = course(Proposal::Destroy, None, &acts);
    assert_eq!(destroy.state(&Settings::default()), State::Proposed);
    assert_eq!(destroy.state(&UNSIGNED), State::Approved);
    assert_eq!(course(Proposal::Transfer, None, &acts).state(&Settings::default()), State::Approved);
    let all = Settings { signed: Signed::All, ..Settings::default() };
    assert_eq!(course(Proposal::Transfer, None, &acts).state(&all), State::Proposed);
}

#[test]
fn who_proposed_it_never_approves_it_and_nobody_counts_twice() {
    let two = Settings { approvals: 2, ..UNSIGNED };
    let acts: Vec<Act> = ["anna", "anna", "bert"]
        .iter()
        .zip(1..)
        .map(|(by, seq)| act(Step::Approved, seq, Some(by), Assurance::Asserted))
        .collect();
    assert_eq!(course(Proposal::Erase, Some("bert"), &acts).state(&two), State::Proposed);
    assert_eq!(course(Proposal::Erase, Some("carla"), &acts).state(&two), State::Approved);
    let open = course(Proposal::Erase, Some("bert"), &[]);
    assert!(open.why_not_approve("bert", true, &two).is_some_and(|why| why.contains("another person")));
    assert_eq!(open.why_not_approve("anna", true, &two), None);
    let once = course(Proposal::Erase, Some("bert"), acts.get(..1).unwrap_or_default());
    assert!(once.why_not_approve("anna", true, &two).is_some_and(|why| why.contains("already")));
}

#[test]
fn a_setting_gets_stricter_at_once_and_weaker_only_when_two_people_ask_for_the_same() {
    fn change<'a>(name: &'a str, value: &'a str, by: &'a str) -> Change<'a> {
        Change { name, value, by: Some(by) }
    }
    let (settings, waiting) = Settings::of([change("approvals", "3", "anna"), change("approvals", "1", "anna")]);
    assert_eq!((settings.approvals, waiting.len()), (3, 1), "one person cannot weaken it");
    let again = [change("approvals", "3", "anna"), change("approvals", "1", "anna"), change("approvals", "1", "anna")];
    assert_eq!(Settings::of(again).0.approvals, 3, "nor by asking twice");
    let other = [change("approvals", "3", "anna"), change("approvals", "1", "anna"), change("approvals", "2", "bert")];
    assert_eq!(Settings::of(other).0.approvals, 3, "nor do two who ask for different things");
    let both = [change("approvals", "3", "anna"), change("approvals", "1", "anna"), change("approvals", "1", "bert")];
    assert_eq!(Settings::of(both).0.approvals, 1);
    let nobody = Change { name: "signed-approvals", value: "none", by: None };
    assert_eq!(Settings::of([nobody, nobody]).0.signed, Signed::Destruction, "nobody is no second person");
    assert!(is_setting("second-person", "on") && !is_setting("approvals", "0") && !is_setting("approvals", "4"));
}

fn steps() -> impl Strategy<Value = Vec<Act>> {
    let step = prop_oneof![
        Just(Step::Approved),
        Just(Step::Rejected),
        Just(Step::Lapsed),
        Just(Step::Executing),
        Just(Step::ExecutingOutside),
        Just(Step::Executed),
        Just(Step::Destroyed),
        Just(Step::Transferred),
        Just(Step::Reviewed),
    ];
    let by = prop_oneof![Just(None), Just(Some("anna")), Just(Some("bert")), Just(Some("carla"))];
    let assurance = prop_oneof![Just(Assurance::Asserted), Just(Assurance::Signed)];
    prop::collection::vec((step, by, assurance), 0..12)
        .prop_map(|acts| acts.into_iter().zip(0..).map(|((step, by, sure), seq)| act(step, seq, by, sure)).collect())
}

proptest! {
    #[test]
    fn what_was_rejected_or_lapsed_before_it_was_begun_is_never_approved_again(
        acts in steps(),
        approvals in 1_usize..=3,
    ) {
        let settings = Settings { approvals, ..Settings::default() };
        for action in [Proposal::Destroy, Proposal::Transfer, Proposal::Keep, Proposal::Erase] {
            let mut ended = None;
            for count in 0..=acts.len() {
                let so_far = acts.get(..count).unwrap_or_default();
                let state = course(action, Some("anna"), so_far).state(&settings);
                if let Some(ended) = ended {
                    prop_assert_eq!(state, ended, "what has ended stays as it ended");
                }
                if state.has_ended() {
                    ended = Some(state);
                }
                // An independent count: distinct people other than the proposer, signed where that is wanted.
                let counts = |act: &&Act| act.step == Step::Approved
                    && act.by.as_deref().is_some_and(|by| by != "anna")
                    && (!action.destroys() || act.by_assurance == Some(Assurance::Signed));
                let people: std::collections::BTreeSet<_> =
                    so_far.iter().filter(counts).filter_map(|act| act.by.clone()).collect();
                if state == State::Approved {
                    prop_assert!(people.len() >= approvals);
                    let stopped = |act: &Act| matches!(act.step, Step::Rejected | Step::Lapsed);
                    prop_assert!(!so_far.iter().any(stopped), "an approval that lapsed is worth nothing");
                }
            }
        }
    }
}
