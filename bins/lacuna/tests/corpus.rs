//! What the fuzzer found and started from, for everything that is read from the disk beside data: specifications, run folders,
//! sweeps, studies, saved states, heads, answers. The functions are those of the fuzz targets.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test says what it counted")]

#[path = "../../../fuzz/folder.rs"]
mod folder;
#[path = "../../../fuzz/heads.rs"]
#[allow(unreachable_pub, reason = "public for the fuzz targets")]
mod heads;
#[path = "../../../fuzz/runs.rs"]
#[allow(unreachable_pub, reason = "public for the fuzz targets")]
mod runs;
#[path = "../../../fuzz/sheets.rs"]
#[allow(unreachable_pub, reason = "public for the fuzz targets")]
mod sheets;
#[path = "../../../fuzz/undo.rs"]
#[allow(unreachable_pub, reason = "public for the fuzz targets")]
mod undo;

use folder::{in_folder, put, two};
use lacuna::{Fit, Head};
use lacuna_formats::{Destination, NpyArray, NpyData, SafetensorsFile, tf_record, write_safetensors};
use lacuna_harness::{
    Overrides, Plan, Point, Progress, RunOptions, Spec, Store, StudyRecord, SweepFolder, SweepPlan, SweepRun,
};
use lacuna_train::{Checkpoint, MlpSpec, Model};
use peak_alloc::PeakAlloc;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const MIB: usize = 1 << 20;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

/// Does with every file what the target does, within four times the file and `spare` bytes.
fn replayed(target: &str, spare: usize, work: fn(&[u8])) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let mut files: Vec<PathBuf> =
        fs::read_dir(corpus(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has an empty corpus");
    let mut most = 0;
    for file in &files {
        let bytes = fs::read(file).unwrap();
        if most == 0 {
            // What is made once, and pools of threads.
            work(&bytes);
        }
        let before = PEAK.current_usage();
        PEAK.reset_peak_usage();
        work(&bytes);
        let peak = PEAK.peak_usage().saturating_sub(before);
        assert!(peak <= 4 * bytes.len() + spare, "{}: {peak} bytes for {}", file.display(), bytes.len());
        most = most.max(peak);
    }
    println!("{target}: {} files, at most {most} bytes", files.len());
}

#[test]
fn specifications() {
    replayed("spec", MIB, runs::spec);
}

#[test]
fn run_folders() {
    replayed("run_folder", MIB, runs::run_folder);
}

#[test]
fn studies() {
    replayed("study", MIB, runs::study);
}

#[test]
fn sweeps() {
    replayed("sweep", MIB, runs::sweep);
}

#[test]
fn event_files() {
    replayed("events", MIB, runs::events);
}

#[test]
fn saved_states() {
    replayed("checkpoint", MIB, heads::checkpoint);
}

#[test]
fn saved_heads() {
    replayed("head", MIB, heads::head);
}

#[test]
fn answers() {
    replayed("answers", MIB, sheets::answers);
}

#[test]
fn filled_sheets() {
    replayed("sheet", MIB, sheets::sheet);
}

#[test]
fn records_of_files_that_were_being_replaced() {
    replayed("undo", MIB, undo::undo);
}

/// A plan that somebody changed: its rows were looked up, which ended the program, and its identities are names of files.
#[test]
fn a_plan_of_a_sweep_that_does_not_fit_together_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let problem = |points: &str, run: &str| {
        let plan = format!(
            "{{\"name\":\"x\",\"data\":\"x\",\"select\":\"map\",\"metrics\":[],\"points\":[{points}],\"runs\":[{run}]}}"
        );
        put(&folder.path().join("plan.json"), plan.as_bytes());
        SweepFolder::open(folder.path()).unwrap().plan().map_err(|error| error.to_string())
    };
    let run =
        |id: &str, point: usize| format!("{{\"id\":\"{id}\",\"point\":{point},\"row\":\"an\",\"seed\":0}}");
    let two = "{\"training.lr\":\"1\"},{\"training.lr\":\"2\"}";
    assert_eq!(problem(two, &run("0a", 1)).unwrap().points.len(), 2);
    assert!(problem(two, &run("0a", 2)).unwrap_err().contains("a point that it does not have"));
    assert!(problem("", &run("0a", 0)).unwrap_err().contains("a point that it does not have"));
    assert!(problem("{\"a\":\"1\"},{\"b\":\"1\"}", &run("0a", 1)).unwrap_err().contains("different keys"));
    assert!(
        problem(two, &run("../../0a", 1)).unwrap_err().contains("other characters than letters and digits")
    );
}

/// The seed with another entry in its metadata, and the checksum that belongs to it.
fn changed(key: &str, value: &str) -> Checkpoint {
    let folder = tempfile::tempdir().unwrap();
    let mut file = SafetensorsFile::open(corpus("checkpoint").join("after-an-epoch.safetensors")).unwrap();
    let mut metadata = file.metadata().clone();
    assert!(metadata.insert(key.to_string(), value.to_string()).is_some(), "{key}");
    metadata.remove("checksum");
    let names: Vec<String> = file.names().map(String::from).collect();
    let arrays: BTreeMap<String, NpyArray> =
        names.into_iter().map(|name| (name.clone(), file.read(&name).unwrap())).collect();
    let mut hasher = blake3::Hasher::new();
    let part = |hasher: &mut blake3::Hasher, bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    metadata
        .iter()
        .flat_map(|(key, value)| [key, value])
        .chain(arrays.keys())
        .for_each(|text| part(&mut hasher, text.as_bytes()));
    for array in arrays.values() {
        let bytes: Vec<u8> = match array.clone().into_data() {
            NpyData::F32(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            NpyData::F64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            NpyData::U64(values) => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            other => panic!("{other:?}"),
        };
        part(&mut hasher, &bytes);
    }
    metadata.insert("checksum".to_string(), hasher.finalize().to_hex().to_string());
    let path = folder.path().join("state.safetensors");
    let arrays: Vec<(&str, &NpyArray)> = arrays.iter().map(|(name, array)| (name.as_str(), array)).collect();
    let metadata: Vec<(&str, &str)> =
        metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    write_safetensors(&path, &arrays, &metadata).unwrap();
    Checkpoint::read(&path).unwrap()
}

/// A checksum says that a file is as it was written, not by whom: places beyond the run were taken over, and subtracted.
#[test]
fn a_saved_state_of_a_place_that_the_run_does_not_have_is_refused() {
    let small = heads::Small::default();
    small.resume(&changed("epoch", "1")).unwrap();
    for (key, value, problem) in [
        ("phase", "7", "unknown phase 8"),
        ("phase", "18446744073709551615", "unknown phase"),
        ("epoch", "2", "beyond the epochs"),
        ("epoch", "18446744073709551615", "beyond the epochs"),
        ("step", "18446744073709551615", "beyond the steps"),
        ("best_epoch", "2", "an epoch that has not been"),
    ] {
        let error = small.resume(&changed(key, value)).unwrap_err().to_string();
        assert!(error.contains(problem), "{key} = {value}: {error}");
    }
}

/// What the fuzzer starts from: files that programs of this version write. `LACUNA_WRITE=1` writes them.
#[test]
fn seeds_are_accepted() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    if std::env::var_os("LACUNA_WRITE").is_some_and(|value| value == "1") {
        write_seeds();
    }
    let read = |target: &str, name: &str| fs::read(corpus(target).join(name)).unwrap();
    Spec::parse(std::str::from_utf8(&read("spec", "sweep.toml")).unwrap()).unwrap();
    StudyRecord::parse(std::str::from_utf8(&read("study", "small.jsonl")).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("state"), &read("checkpoint", "after-an-epoch.safetensors"));
    assert_eq!(Checkpoint::read(&folder.path().join("state")).unwrap().epochs_done(), 1);
    for name in ["linear", "hidden", "cosine"] {
        let bytes = read("head", name);
        let (document, weights) = two(&bytes);
        put(&folder.path().join("head.json"), document);
        put(&folder.path().join("head.safetensors"), weights);
        Model::load(folder.path()).unwrap();
    }
}

fn write_seeds() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(corpus(target)).unwrap();
        put(&corpus(target).join(name), bytes);
    };
    let joined = |one: &[u8], other: &[u8]| [one, &[0], other].concat();
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../repro/specs");
    for name in ["spml-linear", "db-longtail", "comic-plt-study"] {
        write("spec", &format!("{name}.toml"), &fs::read(specs.join(format!("{name}.toml"))).unwrap());
    }
    let sweep = "name = \"x\"\ntitle = \"x\"\nsource = \"none\"\ndata = \"voc-like\"\n[protocol]\n[training]\nepochs = 2\nbatch = 8\n\
                 lr = 0.1\nseeds = 1\n[[losses]]\nname = \"an\"\n[[variants]]\nname = \"v\"\ndata = \"voc-like\"\n[variants.training]\n\
                 lr = 0.2\n[sweep]\ndraws = 3\n[sweep.keys]\ntraining.lr = { from = 1e-5, to = 1e-1, scale = \"log\" }\n\
                 training.batch = [8, 16]\n";
    write("spec", "sweep.toml", sweep.as_bytes());

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    heads::Small::default().checkpoint().write(Destination::replacing(&path)).unwrap();
    write("checkpoint", "after-an-epoch.safetensors", &fs::read(path).unwrap());
    let (x, y) = sheets::small();
    for (name, head) in
        [("linear", Head::Linear), ("hidden", Head::Mlp(MlpSpec::plain(vec![3]))), ("cosine", Head::Cosine)]
    {
        let model =
            Fit::new("an").head(head).seed(0).fit(&x, &y).unwrap().with_thresholds(vec![0.25]).unwrap();
        let folder = folder.path().join(name);
        model.save(&folder).unwrap();
        let read = |file: &str| fs::read(folder.join(file)).unwrap();
        write("head", name, &joined(&read("head.json"), &read("head.safetensors")));
    }

    // A run of the specification that stands beside the targets.
    let run = folder.path().join("run");
    let plan = Plan::new(
        &Spec::parse(include_str!("../../../fuzz/seeds/spec.toml")).unwrap(),
        &Overrides::default(),
    )
    .unwrap();
    let store = Store::at(&run, plan.spec(), false, &[]).unwrap();
    let keep = |event| {
        if let Progress::Run(run) = event {
            store.append(&run).unwrap();
        }
    };
    plan.run(RunOptions::jobs(1), &keep).unwrap();
    store.write_data_label(&plan.data_label()).unwrap();
    store.close();
    let results = fs::read_to_string(run.join("results.jsonl")).unwrap();
    let stored = Spec::parse(include_str!("../../../fuzz/seeds/spec.toml")).unwrap();
    let mut lines = String::new();
    for ((line, id), other) in
        results.lines().zip(plan.spec().run_ids().unwrap()).zip(stored.run_ids().unwrap())
    {
        lines += &(line.replace(&id, &other) + "\n");
    }
    // Where the machine was is no part of a seed.
    let here = std::env::current_dir().unwrap();
    let lines = lines.replace(here.to_str().unwrap(), "folder");
    write("run_folder", "two-runs", &joined(lines.as_bytes(), &fs::read(run.join("data.json")).unwrap()));
    let record = lines.lines().next().unwrap();
    let id = stored.run_ids().unwrap().remove(0);
    let plan = SweepPlan {
        name: "x".into(),
        data: "voc-like".into(),
        select: "map".into(),
        metrics: vec!["map".into()],
        points: vec![Point(BTreeMap::from([("training.lr".to_string(), "0.1".to_string())]))],
        runs: vec![SweepRun { id: "a".into(), point: 0, row: "an".into(), seed: 0 }],
    };
    let record = record.replace(&id, "a");
    let plan = serde_json::to_vec(&plan).unwrap();
    write("sweep", "one-run", &joined(&plan, record.as_bytes()));
    write(
        "sweep",
        "one-claim",
        &joined(&joined(&plan, b""), b"process 17 on node3 0123-4567/4026531836/89\n..."),
    );
    // The version, then an epoch.
    let event = |body: &[u8]| tf_record(&[&[9, 0, 0, 0, 0, 0, 0, 0, 0][..], body].concat());
    let version = event(b"\x1a\x0dbrain.Event:2");
    let epoch = event(b"\x10\x01\x2a\x13\x0a\x11\x0a\x0atrain/loss\x15\x00\x00\x00\x3f");
    write("events", "one-epoch", &[version, epoch].concat());

    let records = Path::new(env!("CARGO_MANIFEST_DIR")).join("../repro/records");
    let mut files: Vec<PathBuf> = fs::read_dir(records).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_by_key(|file| (fs::metadata(file).unwrap().len(), file.clone()));
    write("study", "small.jsonl", &fs::read(&files[0]).unwrap());

    let header = "{\"lacuna\":\"audit answers\",\"version\":1,\"fingerprint\":\"0123\",\"fdr\":0.1,\"confidence\":0.95,\"answers\":20,\"seed\":0}\n";
    let answer = |rank: usize, word: &str| {
        format!("{{\"rank\":{rank},\"row\":\"3\",\"class\":\"0\",\"answer\":\"{word}\"}}\n")
    };
    let text =
        [header, &answer(3, "yes"), &answer(1, "no"), "{\"undo\":true}\n", &answer(7, "skip")].concat();
    write("answers", "three.jsonl", text.as_bytes());
    write("sheet", "filled.csv", sheets::filled().as_bytes());
    write("sheet", "empty.csv", b"rank,row,class,picture,answer\n1,3,0,,\n");

    let entry = |name: &str, old: &str, new: &str| {
        let new = blake3::hash(new.as_bytes()).to_hex();
        format!("{{\"name\":\"{name}\",\"old\":{old},\"new\":\"{new}\"}}")
    };
    let weights = entry("head.safetensors", "\".lacuna-b.tmp\"", "new weights");
    let rows = entry("held_out.txt", "null", "new rows");
    let document = entry("head.json", "\".lacuna-c.tmp\"", "new document");
    let record =
        |entries: &[&str]| format!("{{\"format\":\"lacuna undo 1\",\"files\":[{}]}}\n", entries.join(","));
    write("undo", "head", record(&[&weights, &rows, &document]).as_bytes());
    write("undo", "of-others", record(&[&entry("notes.txt", "null", "new"), &document]).as_bytes());
    write("undo", "torn", &record(&[&weights]).as_bytes()[..40]);
}
