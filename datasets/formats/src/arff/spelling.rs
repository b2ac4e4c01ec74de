//! How absent and present are written.

use super::nominal::List;
use crate::{LabelConvention, shown};
use lacuna_labels::Label;

/// The values of a label attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spelling {
    /// Numbers that follow a convention; without one 0 is absent, and so is -1 where `signed` says that the attribute
    /// has the values -1 and 1.
    Numbers { convention: Option<LabelConvention>, signed: bool },
    /// Two words.
    Words(&'static [&'static str; 2]),
}

/// Words for absent and present.
const WORDS: [[&str; 2]; 4] = [["false", "true"], ["no", "yes"], ["n", "y"], ["f", "t"]];

/// The pairs that are read, for messages.
pub(super) const PAIRS: &str = "0 and 1, false and true, no and yes, n and y, f and t, or -1 and 1";

/// What 0 means.
pub(super) fn zero(convention: Option<LabelConvention>) -> Label {
    match convention {
        None | Some(LabelConvention::Csl) => Label::Negative,
        Some(LabelConvention::Spml | LabelConvention::BinaryAn) => Label::Unknown,
    }
}

fn number(value: &str) -> Option<i8> {
    match value {
        "0" | "0.0" => Some(0),
        "1" | "1.0" | "+1" => Some(1),
        "-1" | "-1.0" => Some(-1),
        _ => None,
    }
}

impl Spelling {
    /// How the labels of an attribute are written; `None` where its values are not read. Without a list it is numeric.
    pub(super) fn of(list: Option<&List>, convention: Option<LabelConvention>) -> Option<Self> {
        let Some(values) = list.map(|list| &list.values) else {
            return Some(Spelling::Numbers { convention, signed: false });
        };
        let has = |wanted: i8| values.iter().any(|value| number(value) == Some(wanted));
        if values.iter().all(|value| number(value).is_some()) {
            let signed = has(-1);
            let two = values.len() == 2 && !has(0) && has(1);
            let distinct = values.len() == usize::from(has(0)) + usize::from(has(1)) + usize::from(signed);
            let clear = !signed || two || convention.is_some();
            return (distinct && clear).then_some(Spelling::Numbers { convention, signed });
        }
        let fits = |pair: &&[&str; 2]| {
            let listed = |value: &str| pair.iter().any(|word| word.eq_ignore_ascii_case(value));
            let both = values.len() == 2 && !values[0].eq_ignore_ascii_case(&values[1]);
            (values.len() == 1 || both) && values.iter().all(listed)
        };
        WORDS.iter().find(fits).map(Spelling::Words)
    }

    /// Whether -1 is absent because the attribute has two values and no convention is given.
    pub(super) fn minus_one_is_absent(self) -> bool {
        self == Spelling::Numbers { convention: None, signed: true }
    }

    pub(super) fn label(self, value: &str) -> Result<Label, String> {
        use LabelConvention::{BinaryAn, Csl, Spml};
        match self {
            Spelling::Numbers { convention, signed } => match (number(value), convention) {
                (Some(1), _) => Ok(Label::Positive),
                (Some(0), _) if signed && convention.is_none() => {
                    Err("invalid label `0`: the label is declared with -1 and 1".into())
                }
                (Some(0), _) => Ok(zero(convention)),
                (Some(-1), None) if signed => Ok(Label::Negative),
                (Some(-1), Some(Spml)) => Ok(Label::Negative),
                (Some(-1), Some(Csl)) => Ok(Label::Unknown),
                (Some(-1), Some(BinaryAn)) => Err("with the convention binary-an labels are 0 or 1".into()),
                _ if signed => Err(format!("invalid label `{}`: expected -1 or 1", shown(value))),
                _ => Err(format!("invalid label `{}`: expected 0 or 1", shown(value))),
            },
            Spelling::Words(words) => match words.iter().position(|word| word.eq_ignore_ascii_case(value)) {
                Some(0) => Ok(Label::Negative),
                Some(_) => Ok(Label::Positive),
                None => {
                    Err(format!("invalid label `{}`: expected {} or {}", shown(value), words[0], words[1]))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arff::cursor::Cursor;
    use crate::arff::nominal::Lists;
    use Label::{Negative as N, Positive as P, Unknown as U};
    use LabelConvention::{BinaryAn, Csl, Spml};

    fn labels(declared: &str, convention: Option<LabelConvention>) -> Option<Vec<Label>> {
        let mut lists = Lists::default();
        let list = lists.read(&mut Cursor::new(declared)).unwrap();
        let spelling = Spelling::of(Some(lists.get(list)), convention)?;
        Some(lists.get(list).values.iter().map(|value| spelling.label(value).unwrap()).collect())
    }

    #[test]
    fn pairs_in_either_order_quoted_and_in_any_case() {
        for (declared, expected) in [
            ("{0,1}", Some([N, P])),
            ("{1,0}", Some([P, N])),
            ("{'0','1'}", Some([N, P])),
            ("{0.0, 1.0}", Some([N, P])),
            ("{FALSE,TRUE}", Some([N, P])),
            ("{false,true}", Some([N, P])),
            ("{True,False}", Some([P, N])),
            ("{no,yes}", Some([N, P])),
            ("{\"Y\", \"N\"}", Some([P, N])),
            ("{F,T}", Some([N, P])),
            ("{-1,1}", Some([N, P])),
            ("{+1,-1}", Some([P, N])),
            ("{-1,0}", None),
            ("{-1,0,1}", None),
            ("{0,1,2}", None),
            ("{0,0.0}", None),
            ("{0,yes}", None),
            ("{no,true}", None),
            ("{no,NO}", None),
            ("{low,high}", None),
        ] {
            assert_eq!(labels(declared, None), expected.map(|pair| pair.to_vec()), "{declared}");
        }
        assert_eq!(labels("{0}", None), Some(vec![N]));
        assert_eq!(labels("{-1}", None), None);
    }

    #[test]
    fn a_convention_says_what_0_and_minus_1_mean() {
        assert_eq!(labels("{0,1}", Some(Spml)), Some(vec![U, P]));
        assert_eq!(labels("{0,1}", Some(BinaryAn)), Some(vec![U, P]));
        assert_eq!(labels("{0,1}", Some(Csl)), Some(vec![N, P]));
        assert_eq!(labels("{-1,0,1}", Some(Spml)), Some(vec![N, U, P]));
        assert_eq!(labels("{-1,0,1}", Some(Csl)), Some(vec![U, N, P]));
        assert_eq!(labels("{-1,1}", Some(Csl)), Some(vec![U, P]));
        assert_eq!(labels("{no,yes}", Some(Spml)), Some(vec![N, P]));
    }
}
