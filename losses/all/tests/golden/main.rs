//! Golden cases: numbers computed elsewhere, held against this code.
//!
//! Without further ado the cases beside this file are run. `LACUNA_GOLDEN=DIR` runs those of another folder;
//! a method that is in no row of [`METHODS`] is then listed, and a failure with `LACUNA_GOLDEN_STRICT=1`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it skipped and counted")]

mod anyloss;
mod asl;
mod bce;
mod cap;
mod case;
mod class_balanced;
mod comic;
mod csl;
mod distribution_balanced;
mod em;
mod focal;
mod gr;
mod graph;
mod hill;
mod l2b;
mod lac;
mod large_loss;
mod logit_adjust;
mod longtail;
mod loss;
mod metrics;
mod mime;
mod presence;
mod propensity;
mod pu;
mod pu_mlc;
mod rng;
mod smile;
mod spml;
mod training;
mod training_aids;
mod two_way;

use case::Case;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

type Adapter = fn(&Case) -> Result<(), String>;

/// Every method of the files that somebody implements.
const METHODS: &[(&str, Adapter)] = &[
    ("bce", bce::bce),
    ("weak_negative_bce", bce::weak_negative_bce),
    ("partial_bce", bce::partial_bce),
    ("an", spml::an),
    ("an_ls", spml::an_ls),
    ("wan", spml::wan),
    ("bce_spml", spml::bce_spml),
    ("bce_ls_spml", spml::bce_ls_spml),
    ("iu", spml::iu),
    ("iun", spml::iun),
    ("epr", spml::epr),
    ("pairwise_rank_spml", spml::pairwise_rank_spml),
    ("role", spml::role),
    ("hill", hill::hill),
    ("splc", hill::splc),
    ("focal", focal::focal),
    ("asl", asl::asl),
    ("asl_paper", asl::asl),
    ("asl_fullgrad", asl::asl),
    ("focal_asl", asl::asl),
    ("bce_asl", asl::asl),
    ("em", em::em),
    ("em_apl", em::em_apl),
    ("apl_selection", em::apl_selection),
    ("ll_r", large_loss::large_loss),
    ("ll_ct", large_loss::large_loss),
    ("ll_cp", large_loss::large_loss),
    ("ll_boostlu_repo_r", large_loss::boostlu_repo),
    ("ll_boostlu_repo_ct", large_loss::boostlu_repo),
    ("ll_boostlu_repo_cp", large_loss::boostlu_repo),
    ("boostlu", large_loss::boostlu),
    ("gr", gr::gr),
    ("gr_stable", gr::gr_stable),
    ("gr_schedule", gr::gr_schedule),
    ("gr_repo_epr", gr::repo_epr),
    ("gr_repo_hill", gr::repo_hill),
    ("gr_repo_weight", gr::repo_weight),
    ("optim", training::optim),
    ("train_linear", training::train_linear),
    ("r_bce", distribution_balanced::resample),
    ("r_bce_focal", distribution_balanced::resample),
    ("r_bce_bias_only", distribution_balanced::resample),
    ("db", distribution_balanced::resample),
    ("db_focal", distribution_balanced::resample),
    ("db_focal_norm_by_instance", distribution_balanced::resample),
    ("db_focal_norm_by_batch", distribution_balanced::resample),
    ("rw_inv", distribution_balanced::resample),
    ("rw_sqrt_inv", distribution_balanced::resample),
    ("cb_by_class", distribution_balanced::resample),
    ("cb_focal_by_class", distribution_balanced::resample),
    ("cb_average_w", distribution_balanced::resample),
    ("cb_average_n", distribution_balanced::resample),
    ("cb_min_n", distribution_balanced::resample),
    ("db_focal_paper_bias", distribution_balanced::paper_bias),
    ("class_aware_sampler", distribution_balanced::class_aware_sampler),
    ("effective_number_weights", class_balanced::weights),
    ("ldam_bce", class_balanced::ldam_bce),
    ("logit_adjust_bce", logit_adjust::logit_adjust_bce),
    ("propensity", propensity::propensity),
    ("propensity_unbiased_bce", propensity::unbiased_bce),
    ("propensity_unbiased_squared_hinge", propensity::unbiased_hinge),
    ("propensity_upper_bound_bce", propensity::upper_bce),
    ("propensity_upper_bound_squared_hinge", propensity::upper_hinge),
    ("pu_mlc", pu_mlc::pu_mlc),
    ("upu", pu::upu),
    ("nnpu", pu::nnpu),
    ("vpu", pu::vpu),
    ("csl_negative", csl::csl),
    ("csl_ignore", csl::csl),
    ("csl_ignore_normalize_classes", csl::csl),
    ("csl_selective", csl::csl),
    ("csl_selective_prior", csl::csl),
    ("anyloss_accuracy", anyloss::any_loss),
    ("anyloss_fbeta", anyloss::any_loss),
    ("anyloss_gmean", anyloss::any_loss),
    ("anyloss_balanced_accuracy", anyloss::any_loss),
    ("mfm_paper", comic::paper),
    ("mfm_prior", comic::mfm_prior),
    ("mfm_prior_rowsafe", comic::mfm_prior),
    ("mfm_class", comic::mfm_class),
    ("rlc", comic::rlc),
    ("htb", comic::htb),
    ("comic_classifier", comic::classifier),
    ("comic_moving_vector", comic::moving_vector),
    ("cap_thresholds", cap::cap_thresholds),
    ("percentile_thresholds", cap::percentiles),
    ("ldam_softmax", class_balanced::ldam_softmax),
    ("logit_adjust_softmax", logit_adjust::logit_adjust_softmax),
    ("pu_mlc_mixup", pu_mlc::mixup),
    ("schedule_onecycle", training_aids::one_cycle),
    ("schedule_step", training_aids::step_decay),
    ("schedule_warmup_step", training_aids::warmup_step),
    ("grad_clip", training_aids::grad_clip),
    ("model_ema", training_aids::model_ema),
    ("metrics_ap_sklearn", metrics::ap_sklearn),
    ("metrics_ap_asl", metrics::ap_asl),
    ("metrics_ap_voc_interp", metrics::ap_voc_interp),
    ("metrics_shot_map", metrics::shot_map),
    ("metrics_overall_asl", metrics::overall_asl),
    ("metrics_overall_pu_mlc", metrics::overall_pu_mlc),
    ("metrics_best_threshold_f1", metrics::best_threshold_f1),
    ("metrics_f1_db", metrics::f1_db),
    ("metrics_at_k", metrics::at_k),
    ("metrics_psp", metrics::psp),
    ("metrics_mll", metrics::mll),
    ("longtail_reference", longtail::longtail_reference),
    ("numpy_legacy_rng", rng::numpy_legacy_rng),
    ("two_way", two_way::two_way),
    ("crisp", pu::crisp),
    ("dist_pu", pu::dist_pu),
    ("bbe_prior", pu::bbe),
    ("plc", lac::plc),
    ("plc_total", lac::plc_total),
    ("lac_contrastive", lac::contrastive),
    ("knn_graph", graph::nearest),
    ("graph_conv", graph::convolution),
    ("smile_classifier", smile::classifier),
    ("smile_beta_kl", smile::beta_kl),
    ("smile_encoder", smile::encoder),
    ("presence_an_full", presence::an_full),
    ("presence_an_full_me", presence::an_full),
    ("presence_an_slds", presence::an_slds),
    ("presence_an_slds_me", presence::an_slds),
    ("presence_an_ssdl", presence::an_ssdl),
    ("presence_an_ssdl_me", presence::an_ssdl),
    ("presence_full_weighted", presence::full_weighted),
    ("presence_class_weight", presence::class_weight),
    ("mime", mime::mime),
    ("mime_kl", mime::divergence),
    ("mime_relabel", mime::relabel),
    ("meta_inner_product", l2b::inner_product),
];

/// What an adapter says; a panic is the failure of one case and not of all that follow.
fn run(adapter: Adapter, case: &Case) -> Result<(), String> {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| adapter(case)));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(format!("panicked: {text}"))
    })
}

/// What became of the cases of a folder.
#[derive(Default)]
struct Report {
    cases: usize,
    failures: Vec<String>,
    missing: BTreeMap<String, usize>,
    passed_over: Vec<String>,
}

impl Report {
    fn of(folder: &Path) -> Self {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        let mut report = Self::default();
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            report.add(&name, Case::read(&file));
        }
        report
    }

    fn add(&mut self, file: &str, case: Result<Case, String>) {
        self.cases += 1;
        let case = match case {
            Ok(case) => case,
            Err(e) => return self.failures.push(format!("{file}: {e}")),
        };
        match METHODS.iter().find(|(method, _)| *method == case.method) {
            Some((_, adapter)) => match run(*adapter, &case) {
                Ok(()) => self.passed_over.extend(case.passed_over().iter().map(|o| format!("{file}: {o}"))),
                Err(e) => self.failures.push(format!("{file}: {e}")),
            },
            None => *self.missing.entry(case.method).or_default() += 1,
        }
    }

    fn print(&self) {
        for failure in &self.failures {
            println!("FAILED {failure}");
        }
        for output in &self.passed_over {
            println!("not compared: {output}");
        }
        for (method, cases) in &self.missing {
            println!("not implemented: {method} ({cases} cases)");
        }
        println!(
            "golden: {} cases, {} failed, {} methods not implemented",
            self.cases,
            self.failures.len(),
            self.missing.len()
        );
    }
}

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases")
}

#[test]
fn golden_cases() {
    let folder = std::env::var_os("LACUNA_GOLDEN").map(PathBuf::from);
    let report = Report::of(folder.as_deref().unwrap_or(&kept()));
    report.print();
    assert!(report.cases > 0, "no cases found");
    assert!(report.failures.is_empty(), "{} cases failed", report.failures.len());
    let strict = folder.is_none() || std::env::var_os("LACUNA_GOLDEN_STRICT").is_some_and(|v| v == "1");
    assert!(!strict || report.missing.is_empty(), "{} methods not implemented", report.missing.len());
}

#[test]
fn every_method_has_a_case_here() {
    let report: Vec<Case> =
        std::fs::read_dir(kept()).unwrap().map(|entry| Case::read(&entry.unwrap().path()).unwrap()).collect();
    for (method, _) in METHODS {
        assert!(report.iter().any(|case| case.method == *method), "no case of {method}");
    }
}

/// The runner itself: a number changed in its last digits, an unknown parameter or an illegal label fails.
#[test]
fn a_wrong_case_fails() {
    let text = std::fs::read_to_string(kept().join("hill_random.json")).unwrap();
    let run = |text: &str| {
        let mut report = Report::default();
        report.add("changed", Case::parse(text));
        report.failures.len()
    };
    assert_eq!(run(&text), 0);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let change = |path: &str, to: &dyn Fn(f64) -> f64| {
        let mut json = json.clone();
        let value = json.pointer_mut(path).unwrap_or_else(|| panic!("no {path}"));
        *value = to(value.as_f64().unwrap()).into();
        run(&json.to_string())
    };
    let slightly = |x: f64| x * (1.0 + 1e-8);
    let mut twice = json.clone();
    let expected = twice.pointer_mut("/outputs/grad_logits/1/2").unwrap();
    *expected = (expected.as_f64().unwrap() / 2.0).into();
    let mut report = Report::default();
    report.add("changed", Case::parse(&twice.to_string()));
    let said = &report.failures[0];
    assert!(said.contains("hill with {") && said.contains("gradient of row 1, class 2 (z = "), "{said}");
    assert!(said.contains("ratio 2: counted twice"), "{said}");
    for path in ["/outputs/loss", "/outputs/grad_logits/1/2", "/outputs/loss_elements/0/0", "/params/margin"]
    {
        assert_eq!(change(path, &slightly), 1, "{path}");
    }
    assert_eq!(change("/inputs/labels/0/0", &|_| -1.0), 1, "a label that the coding does not have");
    assert_eq!(change("/params/lamb", &|_| -1.0), 1, "a parameter out of range");
    let mut unknown = json.clone();
    unknown["params"]["temperature"] = 2.0.into();
    assert_eq!(run(&unknown.to_string()), 1, "a parameter that nobody honours");
    assert_eq!(run("{"), 1, "a file that is not JSON");
}
