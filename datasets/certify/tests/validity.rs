//! Validity by simulation: whatever the truth and the ranking, the list has more wrong entries than its bound says in at most
//! 5 % of all draws. The truths are arranged so that this is hard.

use lacuna_certify::{Answer, Basis, Certificate, Session, Settings};

/// Share of all replays in which the list has more wrong entries than `fdr` of it, and the mean share of right cells found.
fn replays(count: u64, settings: Settings, right: impl Fn(usize) -> Answer, cells: usize) -> (f64, f64) {
    let truth: Vec<Answer> = (0..cells).map(&right).collect();
    let all = truth.iter().filter(|a| **a == Answer::Yes).count().max(1);
    let (mut failed, mut found) = (0, 0);
    for seed in 0..count {
        let certificate = replay(&truth, Settings { seed, ..settings });
        let yes = certificate.list.iter().filter(|&&rank| truth[rank] == Answer::Yes).count();
        let wrong = certificate.list.len() - yes;
        failed += usize::from(wrong as f64 > settings.fdr * certificate.list.len() as f64 + 1e-9);
        found += yes;
        assert!(certificate.share() <= settings.fdr + 1e-9);
        assert!(certificate.list.is_sorted_by(|a, b| a < b));
        if certificate.basis == Basis::Certain {
            assert!(wrong <= certificate.wrong_at_most);
        }
    }
    (failed as f64 / count as f64, found as f64 / (count as usize * all) as f64)
}

fn replay(truth: &[Answer], settings: Settings) -> Certificate {
    let mut session = Session::new(truth.len(), settings).unwrap();
    while let Some(rank) = session.question() {
        session.answer(truth[rank]);
    }
    let certificate = session.certificate();
    // Confirmed cells always belong to the list, others that were answered never do.
    for &(rank, answer) in session.answers() {
        assert_eq!(certificate.list.binary_search(&rank).is_ok(), answer == Answer::Yes);
    }
    assert_eq!(certificate.answers, settings.answers.min(truth.len()));
    certificate
}

fn answer(yes: bool) -> Answer {
    if yes { Answer::Yes } else { Answer::No }
}

/// The share of wrong cells is just above the bound in every prefix, or jumps above it where a pilot does not see it. The
/// failures of a truth are returned, so that a test can say that it is a hard one.
fn boundary(truth: fn(usize) -> Answer) -> f64 {
    let (failed, _) = replays(200, Settings { answers: 100, ..Settings::default() }, truth, 1_500);
    // Four standard errors above 5 %.
    assert!(failed <= 0.05 + 4.0 * (0.05_f64 * 0.95 / 200.0).sqrt(), "{failed}");
    failed
}

#[test]
fn lists_fail_rarely_where_every_prefix_is_at_the_boundary() {
    let failed = boundary(|rank| answer(rank % 9 != 8)).max(boundary(|rank| answer(rank / 20 % 9 != 8)));
    assert!(failed > 0.0, "the truths are not hard");
}

#[test]
fn lists_fail_rarely_where_the_share_jumps() {
    boundary(|rank| answer(if rank < 800 { rank % 10 != 9 } else { rank % 2 == 0 }));
    boundary(|rank| answer(rank < 400 || rank >= 520 && rank % 7 == 0));
}

#[test]
fn lists_fail_rarely_where_the_first_cells_are_wrong_or_cells_are_skipped() {
    boundary(|rank| answer(rank >= 160));
    boundary(|rank| if rank % 9 == 3 { Answer::Skip } else { Answer::Yes });
}

#[test]
fn few_cells_are_all_asked_or_nearly_all() {
    let settings = Settings { answers: 60, ..Settings::default() };
    for cells in [1, 2, 19, 59, 60, 61, 75] {
        let (failed, found) = replays(40, settings, |rank| answer(rank % 8 != 7), cells);
        assert!(failed <= 0.15, "{cells}: {failed}");
        assert!(found > 0.8, "{cells}: {found}");
    }
}

#[test]
fn all_right_gives_everything_and_all_wrong_gives_nothing() {
    let settings = Settings::default();
    let everything = replay(&[Answer::Yes; 3_000], settings);
    assert!(everything.list.len() == 3_000 && everything.complete);
    assert!(everything.wrong_at_most <= 300);
    let nothing = replay(&[Answer::No; 3_000], settings);
    assert!(nothing.list.is_empty() && nothing.share() == 0.0);
    let skipped = replay(&[Answer::Skip; 500], settings);
    assert!(skipped.list.is_empty());
}

/// A ranking like those of real sets: with 200 answers, several times as many cells as were confirmed.
#[test]
fn a_good_ranking_gives_a_long_list() {
    let mut draws = lacuna_protocols::Stream::new(3, "truth");
    let truth: Vec<Answer> = (0..20_000)
        .map(|rank| {
            let x = f64::from(rank) / 4_000.0;
            answer(draws.uniform_f64() < 0.98 / (1.0 + (x / 0.9_f64).powi(3)))
        })
        .collect();
    let (failed, found) = replays(60, Settings::default(), |rank| truth[rank], truth.len());
    assert!(failed <= 0.13, "{failed}");
    assert!(found > 0.17, "{found}");
}

#[test]
fn answers_are_all_that_the_questions_depend_on() {
    let settings = Settings { answers: 50, seed: 5, ..Settings::default() };
    let truth = |rank: usize| answer(!rank.is_multiple_of(5));
    let mut session = Session::new(900, settings).unwrap();
    let mut steps = Vec::new();
    while let Some(rank) = session.question() {
        steps.push(rank);
        session.answer(truth(rank));
    }
    for cut in [0, 1, 19, 20, 21, 50] {
        let stored = session.answers()[..cut].to_vec();
        let again = Session::replay(900, settings, stored).unwrap();
        assert_eq!(again.question(), steps.get(cut).copied());
    }
    let mut undone = session.clone();
    // The pilot, 20 of the 50 answers, is closed.
    assert_eq!((0..50).filter(|_| undone.undo().is_some()).count(), 30);
    let mut pilot = Session::replay(900, settings, session.answers()[..19].to_vec()).unwrap();
    assert_eq!(pilot.undo(), Some(steps[18]));
    while let Some(rank) = undone.question() {
        undone.answer(truth(rank));
    }
    assert_eq!(undone.certificate(), session.certificate());
    let other = Session::replay(900, settings, [(steps[1], Answer::Yes)]).unwrap_err();
    assert!(other.to_string().contains("another session"), "{other}");
    for settings in [
        Settings { fdr: 0.0, ..settings },
        Settings { fdr: f64::NAN, ..settings },
        Settings { confidence: 1.0, ..settings },
        Settings { answers: 3, ..settings },
    ] {
        assert!(Session::new(900, settings).is_err());
    }
    assert!(Session::new(0, settings).is_err());
}

/// With 100 answers the model's estimates are near the truth at three lengths.
#[test]
fn estimates_are_near() {
    let truth: Vec<Answer> =
        (0..10_000).map(|rank| answer(rank * 7919 % 1_000 < 900_000 / (rank + 900))).collect();
    let settings = Settings { answers: 100, ..Settings::default() };
    let mut off = [0.0; 3];
    for seed in 0..20 {
        let mut session = Session::new(truth.len(), Settings { seed, ..settings }).unwrap();
        while let Some(rank) = session.question() {
            session.answer(truth[rank]);
        }
        let cuts = [500, 1_000, 2_000];
        for (i, (cut, estimate)) in cuts.iter().zip(session.estimates(&cuts)).enumerate() {
            let right = truth[..*cut].iter().filter(|a| **a == Answer::Yes).count() as f64 / *cut as f64;
            off[i] += (estimate.mean - right).abs() / 20.0;
            assert!(estimate.low <= estimate.mean && estimate.mean <= estimate.high);
        }
    }
    assert!(off.iter().all(|off| *off < 0.1), "{off:?}");
}

/// Estimates are of the cells that were answered: half of the answers skipped at random leaves them where they are.
#[test]
fn skipped_cells_do_not_move_an_estimate() {
    let truth: Vec<Answer> = (0..2_000).map(|rank| answer(rank < 900)).collect();
    let estimate = |every: usize| {
        let mut session =
            Session::new(truth.len(), Settings { answers: 200, ..Settings::default() }).unwrap();
        let mut asked = 0;
        while let Some(rank) = session.question() {
            asked += 1;
            session.answer(if asked % every == 0 { Answer::Skip } else { truth[rank] });
        }
        let first = session.estimates(&[300])[0];
        (first.mean, first.high)
    };
    let ((all, _), (half, high)) = (estimate(usize::MAX), estimate(2));
    assert!(all > 0.97 && half > 0.95 && high > 0.98, "{all} {half} {high}");
    // Nothing but skips: nothing is learned about any cell.
    let mut session = Session::new(500, Settings::default()).unwrap();
    while session.question().is_some() {
        session.answer(Answer::Skip);
    }
    let nothing = session.estimates(&[100])[0];
    assert!(nothing.high - nothing.low > 0.5, "{nothing:?}");
    assert_eq!(session.certificate().list.len(), 0);
}
