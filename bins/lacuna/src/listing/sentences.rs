//! What is known about a list.

use super::entry::counts;
use crate::certified::{Basis, Certificate, Session};

/// Why a list without answers has no percentage.
const NO_PERCENTAGE: &str = "How many of these are really missing is not stated, because labels alone do not \
    tell: estimates from them (Elkan-Noto, best bin) assume that chance decides which positives are labelled. A few \
    answers tell:";

/// A share as a percentage, without zeros at the end.
fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 1e2)
}

/// About labelled positives that are probably wrong.
pub fn sentences_of_wrong() -> Vec<String> {
    let sentence = "list: labelled positives, the most probably wrong first; how many of them are wrong is not known: look at \
                    the rows";
    vec![sentence.to_string()]
}

/// About a ranking of so many cells without answers; `asking` is how answers are given.
pub fn sentences_of_ranking(cells: usize, asking: &str) -> Vec<String> {
    vec![
        format!("list: {cells} cells by suspicion, the most suspicious first"),
        format!("{NO_PERCENTAGE} {asking}."),
    ]
}

/// About a list that answers certify.
pub fn sentences_of_certificate(session: &Session, certificate: &Certificate) -> Vec<String> {
    let settings = certificate.settings;
    let mut sentences = Vec::new();
    let confirmed = certificate.confirmed;
    sentences.push(match certificate.basis {
        Basis::Tested { .. } => format!(
            "list: {} cells; at most {} are wrong, with {} confidence ({} answers)",
            certificate.list.len(),
            percent(settings.fdr),
            percent(settings.confidence),
            certificate.answers
        ),
        Basis::Certain => format!(
            "list: {} cells, {confirmed} of them confirmed by an answer; at most {} are wrong, which is certain",
            certificate.list.len(),
            percent(settings.fdr)
        ),
    });
    match certificate.basis {
        Basis::Tested { prefix, drawn, wrong } => sentences.push(format!(
            "tested: {drawn} cells drawn from the first {prefix} by rank, {wrong} were not confirmed; {confirmed} entries of \
             the list are confirmed"
        )),
        Basis::Certain if certificate.complete => sentences.push(
            "no longer list could be certified: too many of the cells that were asked about are not missing, or were skipped"
                .to_string(),
        ),
        Basis::Certain => sentences.push(format!(
            "{} of {} questions are not answered: the list so far has the confirmed cells, and only as many \
             others that the bound holds even if all of them are wrong",
            session.wanted() - certificate.answers,
            session.wanted()
        )),
    }
    let [yes, no, skip] = counts(session);
    if yes + no + skip > 0 {
        let skipped = match skip {
            0 => "",
            _ => "; a skipped cell counts as not missing for the list, and not at all for the estimate",
        };
        sentences.push(format!("answers: {yes} yes, {no} no, {skip} skipped{skipped}"));
    }
    if certificate.complete && yes + no > 0 {
        let cuts = cuts(session.cells());
        let text = cuts.iter().zip(session.estimates(&cuts)).map(|(cut, e)| {
            format!(
                "{:.0} % of the first {cut} ({:.0} to {:.0})",
                100.0 * e.mean,
                100.0 * e.low,
                100.0 * e.high
            )
        });
        let text = text.collect::<Vec<_>>().join(", ");
        sentences.push(format!("estimated, not certified, to be missing: {text}"));
    }
    sentences
}

/// Lengths of a ranking of so many cells for which precision is estimated.
pub fn cuts(cells: usize) -> Vec<usize> {
    [100, 300, 1_000, 3_000, 10_000].into_iter().filter(|cut| *cut <= cells).collect()
}
