//! Memory that reading takes: at most four times the file and a mebibyte.

use super::*;

/// Writes a file, and reads it within four times its size and 1 MiB.
#[track_caller]
fn within_four_times(path: &Path, options: &ReadOptions, write: impl FnOnce(&mut BufWriter<File>)) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    write(&mut file);
    file.flush().unwrap();
    let size = fs::metadata(path).unwrap().len() as usize;
    let (answer, peak) = measured(|| open_data(path, options).map(drop));
    let name = path.file_name().unwrap().to_string_lossy();
    println!(
        "{name}: {size} bytes, peak {peak} ({:.2} times), {}",
        peak as f64 / size as f64,
        match &answer {
            Ok(()) => "read".to_string(),
            Err(error) => error.to_string(),
        }
    );
    assert!(size > 2 * MIB, "{name}: {size} bytes say little");
    assert!(peak <= 4 * size + MIB, "{name}: {peak} bytes for a file of {size}");
}

fn separator(separator: &str) -> ReadOptions {
    ReadOptions { label_separator: Some(separator.into()), ..ReadOptions::default() }
}

#[test]
fn reading_takes_at_most_four_times_the_file_and_a_mebibyte() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let options = ReadOptions::default();
    let cells = 4 << 20;
    let npy = |path: PathBuf, shape: Vec<usize>, data| {
        let array = NpyArray::new(shape, data).unwrap();
        within_four_times(&path, &options, |file| array.write_to(file).unwrap());
    };
    // The smallest elements are the largest when they are read.
    npy(path("u8.npy"), vec![cells / 4, 4], NpyData::U8(vec![1; cells]));
    npy(path("bool.npy"), vec![cells / 4, 4], NpyData::Bool(vec![true; cells]));
    npy(path("f16.npy"), vec![cells / 8, 4], NpyData::F16(vec![half::f16::ONE; cells / 2]));
    npy(path("f32.npy"), vec![cells / 16, 4], NpyData::F32(vec![1.0; cells / 4]));
    npy(path("f64.npy"), vec![cells / 32, 4], NpyData::F64(vec![1.0; cells / 8]));
    npy(path("text.npy"), vec![cells / 4], NpyData::Text(vec!["x"; cells / 4].into()));
    npy(path("bytes.npy"), vec![cells], NpyData::Bytes(vec!["x"; cells].into()));

    let archive = |name: &str, arrays: &[(&str, &NpyArray)]| {
        write_npz(Destination::replacing(&path("x.npz")), arrays, Compression::Stored).unwrap();
        let bytes = fs::read(path("x.npz")).unwrap();
        within_four_times(&path(name), &options, |file| file.write_all(&bytes).unwrap());
    };
    let ones = NpyArray::new(vec![cells / 4, 4], NpyData::U8(vec![1; cells])).unwrap();
    archive("features.npz", &[("x", &ones)]);
    archive("labels.npz", &[("y", &ones)]);
    let header =
        format!("{{\"x\":{{\"dtype\":\"U8\",\"shape\":[{},4],\"data_offsets\":[0,{cells}]}}}}", cells / 4);
    within_four_times(&path("x.safetensors"), &options, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(&vec![1; cells]).unwrap();
    });
    // As many tensors as are allowed, in as little text as possible.
    within_four_times(&path("many.safetensors"), &options, |file| {
        let entries: Vec<String> = names()
            .take(60_000)
            .map(|name| format!("\"{name}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"))
            .collect();
        let header = format!("{{{}}}", entries.join(","));
        file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
    });

    within_four_times(&path("names.csv"), &options, |file| {
        writeln!(file, "id,x").unwrap();
        names().take(500_000).for_each(|name| writeln!(file, "{name},").unwrap());
    });
    within_four_times(&path("cells.csv"), &options, |file| {
        writeln!(file, "id{}", names().take(4_000).map(|name| format!(",{name}")).collect::<String>())
            .unwrap();
        names().take(1_000).for_each(|name| writeln!(file, "{name}{}", ",".repeat(4_000)).unwrap());
    });
    // A class for each two bytes and a half, as many as a line may have, and nothing else.
    let header: String = names().take(65_534).map(|name| format!(",{name}")).collect();
    let text = format!("id{header}\na{}\n", ",".repeat(65_534));
    fs::write(path("header.csv"), &text).unwrap();
    let (answer, peak) = measured(|| open_data(&path("header.csv"), &options).map(drop));
    println!("header.csv: {} bytes, peak {peak}", text.len());
    assert!(peak <= 4 * text.len() + MIB, "header.csv: {peak} bytes for {}: {answer:?}", text.len());
    within_four_times(&path("long.csv"), &options, |file| {
        writeln!(file, "id,label").unwrap();
        names().take(400_000).for_each(|name| writeln!(file, "{name},x").unwrap());
    });
    within_four_times(&path("classes.csv"), &options, |file| {
        writeln!(file, "id,label").unwrap();
        names().take(400_000).for_each(|name| writeln!(file, "x,{name}").unwrap());
    });
    within_four_times(&path("names.txt"), &options, |file| {
        names().take(500_000).for_each(|name| writeln!(file, "{name},0").unwrap());
    });
    within_four_times(&path("labels.txt"), &options, |file| {
        names().take(100_000).for_each(|name| writeln!(file, "{name},0 1 2 3 4 5 6 7 8 9").unwrap());
    });
    within_four_times(&path("names.jsonl"), &options, |file| {
        names().take(300_000).for_each(|name| writeln!(file, "{{\"id\":\"{name}\",\"tags\":0}}").unwrap());
    });
    within_four_times(&path("classes.jsonl"), &options, |file| {
        for (name, class) in names().zip(names()).take(150_000) {
            writeln!(file, "{{\"id\":\"{name}\",\"labels\":[\"{class}\"]}}").unwrap();
        }
    });
    within_four_times(&path("line.jsonl"), &options, |file| {
        let classes: Vec<String> = names().take(500_000).map(|name| format!("\"n-{name}\"")).collect();
        writeln!(file, "{{\"id\":\"a\",\"labels\":[{}]}}", classes.join(",")).unwrap();
    });
    within_four_times(&path("object.jsonl"), &options, |file| {
        let classes: Vec<String> = names().take(400_000).map(|name| format!("\"{name}\":1")).collect();
        writeln!(file, "{{\"id\":\"a\",\"labels\":{{{}}}}}", classes.join(",")).unwrap();
    });
    // Cells with several labels, in every way that they are written.
    within_four_times(&path("bars.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        names().zip(names()).take(300_000).for_each(|(name, tag)| writeln!(file, "{name},x|{tag}").unwrap());
    });
    within_four_times(&path("distinct.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        names().take(400_000).for_each(|name| writeln!(file, "x,{name}|y{name}").unwrap());
    });
    within_four_times(&path("separator.csv"), &separator("|"), |file| {
        writeln!(file, "id,tags").unwrap();
        names().take(400_000).for_each(|name| writeln!(file, "x,{name}|y{name}").unwrap());
    });
    within_four_times(&path("blanks.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        names().zip(names()).take(400_000).for_each(|(name, tag)| writeln!(file, "{name},x {tag}").unwrap());
    });
    within_four_times(&path("lists.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        names().take(300_000).for_each(|name| writeln!(file, "{name},['{name}']").unwrap());
    });
    within_four_times(&path("list.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        let mut tags = names().map(|name| format!("'{name}'"));
        names().take(200).for_each(|name| {
            let tags: Vec<String> = tags.by_ref().take(2_500).collect();
            writeln!(file, "{name},\"[{}]\"", tags.join(",")).unwrap();
        });
    });
    within_four_times(&path("numbers.csv"), &options, |file| {
        writeln!(file, "id,tags").unwrap();
        names().take(40_000).for_each(|name| writeln!(file, "{name},[{}]", "0 1 ".repeat(20)).unwrap());
    });
    // The same row at the end, and the lines it stands on.
    within_four_times(&path("twice.csv"), &options, |file| {
        writeln!(file, "id,x").unwrap();
        names().take(500_000).for_each(|name| writeln!(file, "{name},").unwrap());
        writeln!(file, "0,1").unwrap();
    });
    within_four_times(&path("rows.json"), &options, |file| {
        let row = |name: String| format!("{{\"id\":\"{name}\",\"tags\":[\"{name}\"]}}");
        let rows: Vec<String> = names().take(150_000).map(row).collect();
        write!(file, "[{}]", rows.join(",")).unwrap();
    });
    within_four_times(&path("texts.jsonl"), &options, |file| {
        names()
            .take(150_000)
            .for_each(|name| writeln!(file, "{{\"id\":\"{name}\",\"tags\":\"{name}\"}}").unwrap());
    });
    within_four_times(&path("labels.jsonl"), &options, |file| {
        let labels = "0,1,".repeat(20);
        names()
            .take(40_000)
            .for_each(|name| writeln!(file, "{{\"id\":\"{name}\",\"tags\":[{labels}1]}}").unwrap());
    });
    within_four_times(&path("numbers.jsonl"), &options, |file| {
        writeln!(file, "{{\"id\":\"a\",\"tags\":[{}2]}}", "0,".repeat(2_000_000)).unwrap();
    });
    within_four_times(&path("keys.jsonl"), &options, |file| {
        let keys: Vec<String> = names().take(400_000).map(|name| format!("\"-{name}\":1")).collect();
        writeln!(file, "{{{}}}", keys.join(",")).unwrap();
    });
    within_four_times(&path("tasks.json"), &options, |file| {
        let task = |name: String| {
            format!(
                "{{\"data\":{{\"image\":\"{name}\"}},\"annotations\":[{{\"result\":[{{\"value\":{{\"choices\":[\"{name}\"]}}}}]}}]}}"
            )
        };
        let tasks: Vec<String> = names().take(60_000).map(task).collect();
        write!(file, "[{}]", tasks.join(",")).unwrap();
    });
    within_four_times(&path("choices.json"), &options, |file| {
        let choices: Vec<String> = names().take(400_000).map(|name| format!("\"{name}\"")).collect();
        let choices = choices.join(",");
        write!(
            file,
            "[{{\"data\":{{\"image\":\"a\"}},\"annotations\":[{{\"result\":[{{\"value\":{{\"choices\":[{choices}]}}}}]}}]}}]"
        )
        .unwrap();
    });
    within_four_times(&path("multi-hot.txt"), &options, |file| {
        names().take(40_000).for_each(|name| writeln!(file, "{name}{}", " 0 1".repeat(20)).unwrap());
    });
    within_four_times(&path("names-multi-hot.txt"), &options, |file| {
        names().take(500_000).for_each(|name| writeln!(file, "{name} 1").unwrap());
    });
    within_four_times(&path("header-multi-hot.txt"), &options, |file| {
        writeln!(file, "{}", names().skip(10).take(400_000).collect::<Vec<_>>().join(" ")).unwrap();
        writeln!(file, "a{}", " 1".repeat(400_000)).unwrap();
    });
    within_four_times(&path("line.txt"), &options, |file| {
        write!(file, "a,").unwrap();
        (0..60_000).for_each(|class| write!(file, " {class}").unwrap());
        writeln!(file).unwrap();
        names().skip(20).take(500_000).for_each(|name| writeln!(file, "{name},0").unwrap());
    });
    within_four_times(&path("line.svm"), &options, |file| {
        write!(file, "0").unwrap();
        (0..400_000).for_each(|column| write!(file, " {column}:1").unwrap());
        writeln!(file).unwrap();
    });
    within_four_times(&path("x.json"), &options, |file| {
        let images: Vec<String> = names()
            .take(60_000)
            .enumerate()
            .map(|(i, name)| format!("{{\"id\":{i},\"file_name\":\"{name}\"}}"))
            .collect();
        let annotations: Vec<String> =
            (0..60_000).map(|i| format!("{{\"image_id\":{i},\"category_id\":1}}")).collect();
        let (images, annotations) = (images.join(","), annotations.join(","));
        let categories = "{\"id\":1,\"name\":\"x\"}";
        let text = format!(
            "{{\"images\":[{images}],\"annotations\":[{annotations}],\"categories\":[{categories}]}}"
        );
        file.write_all(text.as_bytes()).unwrap();
    });
    let document = |images: String, annotations: String, categories: String| {
        format!("{{\"images\":[{images}],\"annotations\":[{annotations}],\"categories\":[{categories}]}}")
    };
    within_four_times(&path("ids.json"), &options, |file| {
        let image = |name: String| format!("{{\"id\":\"_{name}\",\"file_name\":\"{name}\"}}");
        let annotation = |name| format!("{{\"image_id\":\"_{name}\",\"category_id\":\"c\"}}");
        let images: Vec<String> = names().take(60_000).map(image).collect();
        let annotations: Vec<String> = names().take(60_000).map(annotation).collect();
        let category = "{\"id\":\"c\",\"name\":\"x\"}".to_string();
        file.write_all(document(images.join(","), annotations.join(","), category).as_bytes()).unwrap();
    });
    within_four_times(&path("boxes.json"), &options, |file| {
        let annotation = "{\"image_id\":1,\"category_id\":1,\"bbox\":[0,0,1,1]}";
        let image = "{\"id\":1,\"file_name\":\"a\",\"width\":9,\"height\":9}".to_string();
        let category = "{\"id\":1,\"name\":\"x\"}".to_string();
        file.write_all(document(image, vec![annotation; 60_000].join(","), category).as_bytes()).unwrap();
    });
    within_four_times(&path("categories.json"), &options, |file| {
        let category =
            |(id, name)| format!("{{\"id\":{id},\"name\":\"{name}\",\"supercategory\":\"_{name}\"}}");
        let categories: Vec<String> = names().take(60_000).enumerate().map(category).collect();
        let image = "{\"id\":1,\"file_name\":\"a\"}".to_string();
        let annotation = "{\"image_id\":1,\"category_id\":1}".to_string();
        file.write_all(document(image, annotation, categories.join(",")).as_bytes()).unwrap();
    });
    for (name, count, each) in [("negatives.json", 110, 10_000), ("list.json", 1, 1_100_000)] {
        within_four_times(&path(name), &options, |file| {
            let image = |image| {
                let list = vec!["7"; each].join(",");
                format!("{{\"id\":{image},\"file_name\":\"{image}\",\"neg_category_ids\":[{list}]}}")
            };
            let images: Vec<String> = (0..count).map(image).collect();
            let category = "{\"id\":7,\"name\":\"x\"}".to_string();
            file.write_all(document(images.join(","), String::new(), category).as_bytes()).unwrap();
        });
    }
    fs::write(path("x.xml"), "<labels><label name=\"y\"/></labels>").unwrap();
    within_four_times(&path("dense.arff"), &options, |file| {
        writeln!(file, "@relation x\n@attribute y {{0,1}}").unwrap();
        (0..50).for_each(|i| writeln!(file, "@attribute a{i} real").unwrap());
        writeln!(file, "@data").unwrap();
        (0..30_000).for_each(|_| writeln!(file, "1{}", ",0".repeat(50)).unwrap());
    });
    within_four_times(&path("sparse.arff"), &options, |file| {
        writeln!(file, "@relation x").unwrap();
        (0..10).for_each(|i| writeln!(file, "@attribute a{i} real").unwrap());
        writeln!(file, "@attribute y {{0,1}}\n@data").unwrap();
        let row = "{0 1,1 1,2 1,3 1,4 1,5 1,6 1,7 1,8 1,9 1}";
        (0..60_000).for_each(|_| writeln!(file, "{row}").unwrap());
    });
    within_four_times(&path("empty.arff"), &options, |file| {
        writeln!(file, "@relation x\n@attribute a real\n@attribute y {{0,1}}\n@data").unwrap();
        (0..900_000).for_each(|_| writeln!(file, "{{}}").unwrap());
    });
    within_four_times(&path("attributes.arff"), &options, |file| {
        writeln!(file, "@relation x\n@attribute y {{0,1}}").unwrap();
        names().take(150_000).for_each(|name| writeln!(file, "@attribute _{name} {{0}}").unwrap());
        writeln!(file, "@data\n{{}}").unwrap();
    });
    within_four_times(&path("labels.arff"), &options, |file| {
        writeln!(file, "@relation 'x: -C 130000'").unwrap();
        names().take(130_000).for_each(|name| writeln!(file, "@attribute _{name} {{0,1}}").unwrap());
        writeln!(file, "@attribute a real\n@data\n{{}}").unwrap();
    });
    // As many lists of words as are allowed, and then the same ones again; one long list.
    within_four_times(&path("words.arff"), &options, |file| {
        writeln!(file, "@relation x\n@attribute y {{0,1}}").unwrap();
        for (number, name) in names().take(150_000).enumerate() {
            writeln!(file, "@attribute _{name} {{_{:x}}}", number % 8_000).unwrap();
        }
        writeln!(file, "@data\n{{}}").unwrap();
    });
    within_four_times(&path("list.arff"), &options, |file| {
        let values: Vec<String> = names().take(500_000).map(|name| format!("_{name}")).collect();
        writeln!(file, "@relation x\n@attribute y {{0,1}}\n@attribute a {{{}}}", values.join(",")).unwrap();
        writeln!(file, "@data\n{{}}").unwrap();
    });
    let mean = ReadOptions { missing_features: MissingFeatures::Mean, ..ReadOptions::default() };
    within_four_times(&path("missing.arff"), &mean, |file| {
        writeln!(file, "@relation x\n@attribute y {{0,1}}").unwrap();
        (0..50).for_each(|i| writeln!(file, "@attribute a{i} real").unwrap());
        writeln!(file, "@data\n1{}", ",0".repeat(50)).unwrap();
        (0..30_000).for_each(|_| writeln!(file, "1{}", ",?".repeat(50)).unwrap());
    });
    within_four_times(&path("features.svm"), &options, |file| {
        (0..100_000).for_each(|_| writeln!(file, "0 0:1 1:1 2:1 3:1 4:1 5:1 6:1").unwrap());
    });
    within_four_times(&path("same.svm"), &options, |file| {
        writeln!(file, "0{}", ",0".repeat(2_000_000)).unwrap();
    });
    within_four_times(&path("differ.svm"), &options, |file| {
        let labels: Vec<String> = (0..400_000).map(|label| (399_999 - label).to_string()).collect();
        writeln!(file, "1 1 400000\n{}", labels.join(",")).unwrap();
    });
    within_four_times(&path("alone.svm"), &options, |file| {
        (0..700_000).for_each(|_| writeln!(file, "0:1").unwrap());
    });
    let labels = ReadOptions { labels: true, ..ReadOptions::default() };
    within_four_times(&path("lists.svm"), &labels, |file| {
        (0..1_200_000).for_each(|_| writeln!(file, "0").unwrap());
    });
    within_four_times(&path("pairs.svm"), &labels, |file| {
        (0..700_000).for_each(|_| writeln!(file, "0:1").unwrap());
    });
    within_four_times(&path("words.svm"), &options, |file| {
        for (name, label) in (0..5).flat_map(|_| names().take(65_536)).zip(names()) {
            writeln!(file, "_{name} 0:1 # {label}").unwrap();
        }
    });
    within_four_times(&path("labels.svm"), &options, |file| {
        (0..200_000).for_each(|_| writeln!(file, "0,1,2,3,4,5,6,7,8,9 0:1").unwrap());
    });
}
