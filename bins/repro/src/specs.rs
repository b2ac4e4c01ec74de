//! The benchmarks that come with the program: the files of `specs/`.

use anyhow::{anyhow, bail};
use lacuna_harness::Spec;

static FILES: &[&str] = include!(concat!(env!("OUT_DIR"), "/specs.rs"));

/// Every benchmark, in the order of its file name.
pub(crate) fn all() -> anyhow::Result<Vec<Spec>> {
    FILES.iter().map(|text| Ok(Spec::parse(text)?)).collect()
}

/// A variant of the benchmark of this name, where one is asked for.
pub(crate) fn find_variant(name: &str, variant: Option<&str>) -> anyhow::Result<Spec> {
    let spec = find(name)?;
    Ok(match variant {
        Some(variant) => spec.variant(variant)?,
        None => spec,
    })
}

/// The benchmark of this name, or the variant that `BENCHMARK-VARIANT` names.
pub(crate) fn find(name: &str) -> anyhow::Result<Spec> {
    let specs = all()?;
    let of_variant = |spec: &Spec| {
        let rest = name.strip_prefix(&spec.name)?.strip_prefix('-')?;
        spec.variant_names().any(|variant| variant == rest).then(|| rest.to_string())
    };
    if let Some((spec, variant)) = specs.iter().find_map(|spec| Some((spec, of_variant(spec)?))) {
        return Ok(spec.variant(&variant)?);
    }
    if specs.is_empty() {
        bail!("this program was built without benchmarks");
    }
    if name == "all" {
        bail!("all benchmarks are run by `repro run all --quick`, which checks that they run");
    }
    let names: Vec<String> = specs.iter().map(|s| s.name.clone()).collect();
    specs.into_iter().find(|spec| spec.name == name).ok_or_else(|| {
        let near = lacuna_losses::suggest(name, names.iter().map(String::as_str));
        match near.to_string() {
            near if near.starts_with("did") => anyhow!("unknown benchmark `{name}`; {near}"),
            _ => anyhow!("unknown benchmark `{name}`; there are {}", names.join(", ")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_benchmark_with_known_losses() {
        let specs = all().unwrap();
        assert!(!specs.is_empty());
        for (i, spec) in specs.iter().enumerate() {
            assert!(specs[..i].iter().all(|s| s.name != spec.name), "{} twice", spec.name);
            assert!(!spec.title.is_empty() && !spec.source.is_empty());
            let set = spec.data.embedded.as_deref().expect("benchmarks come with an embedded set");
            assert!(lacuna_source::embedded_set(set).is_some(), "{set}");
            spec.check().unwrap_or_else(|error| panic!("{}: {error}", spec.name));
            for loss in &spec.losses {
                assert!(lacuna_losses::find(&loss.name).is_ok(), "{}", loss.name);
            }
            for p in &spec.published {
                assert!(spec.losses.iter().any(|l| l.row() == p.loss), "{}: {}", spec.name, p.loss);
            }
        }
    }
}
