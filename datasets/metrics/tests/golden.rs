//! Average precisions computed by the code of the papers, in double precision. The files are not part
//! of the repository: they are looked for where `LACUNA_GOLDEN` says, then beside the workspace.

use lacuna_labels::TrueLabels;
use lacuna_metrics::{ApFlavour, EmptyClass, MapConvention, mean_average_precision};
use serde_json::Value;
use std::env;
use std::fs;
use std::path::PathBuf;

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn average_precision_agrees_with_the_code_of_the_papers() {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let golden = env::var_os("LACUNA_GOLDEN").map_or_else(beside, PathBuf::from);
    if !golden.is_dir() {
        eprintln!("skipped: there is no folder golden; set LACUNA_GOLDEN");
        return;
    }
    let cases =
        ["all_equal_scores", "empty_class_full_class", "longtail", "perfect", "random", "ties", "worst"];
    let flavours =
        [("sklearn", ApFlavour::Sklearn), ("asl", ApFlavour::Asl), ("voc_interp", ApFlavour::Voc12)];
    for (name, flavour) in flavours {
        let convention = MapConvention { flavour, empty_class: EmptyClass::Zero };
        for case in cases {
            let file = golden.join(format!("metrics_ap_{name}_{case}.json"));
            let file: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            let matrix = |key: &str| -> Vec<Vec<f64>> {
                file["inputs"][key].as_array().unwrap().iter().map(numbers).collect()
            };
            let (scores, labels) = (matrix("scores"), matrix("labels"));
            let truth =
                TrueLabels::from_fn(labels.len(), labels[0].len(), |row, class| labels[row][class] == 1.0);
            let result = mean_average_precision(&scores.concat(), &truth, convention).unwrap();
            let expected = numbers(&file["outputs"]["ap"]);
            assert_eq!(result.per_class.len(), expected.len());
            for (class, (ours, theirs)) in result.per_class.iter().zip(&expected).enumerate() {
                assert!(
                    (ours - theirs).abs() < 1e-12,
                    "{flavour} {case}, class {class}: {ours}, not {theirs}"
                );
            }
            let percent = file["outputs"]["map_percent"].as_f64();
            assert_eq!(percent.is_none(), flavour == ApFlavour::Voc12, "only that code has no mean");
            if let Some(percent) = percent {
                assert!((result.percent() - percent).abs() < 1e-10, "{flavour} {case}: {}", result.percent());
            }
        }
    }
}
