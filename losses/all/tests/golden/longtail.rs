//! `longtail_reference`.

use crate::case::Case;
use crate::loss::only;
use lacuna_protocols::LongTail;

pub(crate) fn longtail_reference(case: &Case) -> Result<(), String> {
    only(case, &["num_classes", "max", "min", "b", "tail"])?;
    let param = |name| case.number("params", name);
    let setting =
        LongTail { max: param("max")? as usize, min: param("min")? as usize, b: param("b")?, seed: 0 };
    let targets = setting.targets_to(param("num_classes")? as usize, param("tail")?);
    let targets: Vec<f64> = targets.into_iter().map(|count| count as f64).collect();
    case.check("reference_counts", &targets)
}
