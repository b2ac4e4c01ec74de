//! Files that claim much more than they have.

use super::*;

/// Reads a file that has to be refused, in less than 64 MiB.
#[track_caller]
pub(crate) fn refused(path: &Path) -> String {
    let (answer, peak) = measured(|| open_data(path, &ReadOptions::default()).map(drop));
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let error = answer.expect_err(&name).to_string();
    println!("{name}: peak {:.1} MiB: {error}", peak as f64 / MIB as f64);
    assert!(peak < 64 * MIB, "{name}: {peak} bytes");
    assert!(error.len() < 1_000, "{error}");
    error
}

#[test]
fn bombs_are_refused_with_little_memory() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let refused_bytes = |name: &str, bytes: &[u8]| {
        fs::write(path(name), bytes).unwrap();
        refused(&path(name))
    };

    // The three failures of the common reader: a header of a gigabyte in 14 bytes ...
    let gigabyte = [b"\x93NUMPY\x02\x00", &(1_u32 << 30).to_le_bytes()[..], b"{}"].concat();
    assert!(refused_bytes("gigabyte.npy", &gigabyte).contains("the header has 1073741824 bytes"));
    // ... a product of dimensions that wraps to 0 ...
    let header = |shape: &str| {
        let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
        [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
    };
    let error = refused_bytes("wraps.npy", &header("(4294967296, 4294967296)"));
    assert!(error.contains("exceeds the address space"), "{error}");
    // ... and nested garbage, which costs other readers their stack.
    refused_bytes("nested.npy", &header(&"(".repeat(9_000)));
    for shape in ["(9223372036854775808,)", "(9223372036854775807, 1)", "(18446744073709551615, 2)"] {
        refused_bytes("huge.npy", &header(shape));
    }

    // Archives.
    let zeros = NpyArray::new(vec![64 << 20], NpyData::U8(vec![0; 64 << 20])).unwrap();
    write_npz(&path("bomb.npz"), &[("x", &zeros)], Compression::Deflate).unwrap();
    drop(zeros);
    let error = refused(&path("bomb.npz"));
    assert!(error.contains("inflated bytes for each compressed byte exceed the limit of 200"), "{error}");

    // A million tensors.
    let mut header = String::from("{");
    for i in 0..1_000_000 {
        header += &format!(
            "{}\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
            if i == 0 { "" } else { "," }
        );
    }
    header.push('}');
    let many = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    drop(header);
    assert!(
        refused_bytes("million.safetensors", &many).contains("bytes of header exceed the limit of 16777216")
    );
    drop(many);
    // As many as fit into the header that is allowed.
    let mut header = String::from("{");
    for (i, name) in names().enumerate().take_while(|(i, _)| *i < 300_000) {
        header += &format!(
            "{}\"{name}\":{{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
            if i == 0 { "" } else { "," }
        );
        if header.len() > 16_700_000 {
            break;
        }
    }
    header.push('}');
    let many = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    assert!(refused_bytes("many.safetensors", &many).contains("more than 65536 tensors"));
    // Metadata of very many entries, which a map takes many times the text for.
    let entries: Vec<String> = names().take(1_000_000).map(|name| format!("\"{name}\":\"\"")).collect();
    let header = format!("{{\"__metadata__\":{{{}}}}}", entries.join(","));
    drop(entries);
    let many = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    drop(header);
    assert!(refused_bytes("metadata.safetensors", &many).contains("more than 4096 entries"));
    drop(many);
    let header = r#"{"x":{"dtype":"F64","shape":[9223372036854775808,2],"data_offsets":[0,0]}}"#;
    let huge = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    assert!(refused_bytes("huge.safetensors", &huge).contains("does not have the bytes"));
    let nested = "{\"x\":".to_string() + &"[".repeat(1 << 20);
    let nested = [&(nested.len() as u64).to_le_bytes()[..], nested.as_bytes()].concat();
    refused_bytes("nested.safetensors", &nested);

    // A line of a gigabyte in every format that has lines: a file with a hole, which reads as zeros.
    for (name, start) in [
        ("line.csv", "id,cat\n"),
        ("quoted.csv", "id,cat\n\""),
        ("line.tsv", ""),
        ("line.jsonl", "{\"id\":\"a\",\"tags\":[]}\n"),
        ("line.txt", "a,1\n"),
        ("line.svm", "0 1:1\n"),
        ("line.arff", "@relation x\n"),
        ("text.json", "{\"images\":[{\"file_name\":\""),
        ("key.json", "{\""),
        ("skipped.json", "{\"info\":\""),
    ] {
        let mut file = File::create(path(name)).unwrap();
        file.write_all(start.as_bytes()).unwrap();
        file.set_len(1 << 30).unwrap();
        refused(&path(name));
    }
    // The same with bytes that are no line's end but that a parser likes.
    for (name, start, byte) in [
        ("deep.json", "{\"info\":", b'['),
        ("digits.json", "{\"info\":", b'1'),
        ("escapes.json", "{\"info\":\"", b'\\'),
        ("quotes.csv", "id,cat\n\"", b'"'),
        ("commas.csv", "id,cat\n", b','),
        ("braces.arff", "@relation 'x: -C 1'\n@attribute a {0,1}\n@attribute b real\n@data\n", b'{'),
        ("digits.svm", "0 1:", b'1'),
    ] {
        let mut file = BufWriter::new(File::create(path(name)).unwrap());
        file.write_all(start.as_bytes()).unwrap();
        let block = vec![byte; MIB];
        (0..24).for_each(|_| file.write_all(&block).unwrap());
        file.flush().unwrap();
        drop(file);
        refused(&path(name));
    }

    // Fields of which a line has as many as bytes: the places of all of them would take many times the file.
    for (name, start) in [("fields.csv", ""), ("fields.tsv", "id\tcat\nx"), ("quoted.csv", "id,cat\n\"\"")] {
        let byte = if name.ends_with("tsv") { "\t" } else { "," };
        let text = format!("{start}{}", byte.repeat(4 * MIB));
        fs::write(path(name), &text).unwrap();
        let (answer, peak) = measured(|| open_data(&path(name), &ReadOptions::default()).map(drop));
        let error = answer.unwrap_err().to_string();
        assert!(error.contains("the record has more than 65536 fields"), "{error}");
        assert!(peak <= 4 * text.len() + MIB, "{name}: {peak} bytes");
    }

    // Entities of one's own in the list of labels.
    let laughs: String =
        (0..20).map(|i| format!("<!ENTITY l{} \"{}\">", i + 1, format!("&l{i};").repeat(10))).collect();
    let xml = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE l [<!ENTITY l0 \"ha\">{laughs}]>\n<labels><label name=\"&l20;\"/></labels>"
    );
    fs::write(path("laughs.xml"), xml).unwrap();
    let error =
        refused_bytes("laughs.arff", b"@relation x\n@attribute a {0,1}\n@attribute b real\n@data\n1,2\n");
    assert!(
        error.contains("line 2, column 1: document types, entities and marked sections are not supported"),
        "{error}"
    );
    // Numbers that small files claim: read as lists they cost what the file does, and dense is a step of its own.
    for (name, text) in [
        ("number.txt", "a.jpg,30000\n"),
        ("largest.txt", "a,65535\n"),
        ("number.svm", "30000 1:1\n"),
        ("largest.svm", "65535 1:1\n"),
        ("header.svm", "1 1000000000 65536\n0 1:1\n"),
    ] {
        fs::write(path(name), text).unwrap();
        let (read, peak) = measured(|| open_data(&path(name), &ReadOptions::default()).map(drop));
        println!("{name}: peak {peak}");
        assert!(read.is_ok(), "{name}");
        // Most of it are the names that classes without a name get.
        assert!(peak <= if text.contains("30000") { 600 << 10 } else { MIB }, "{name}: {peak} bytes");
    }
    // Numbers that are refused.
    for (name, text) in [
        ("claims.svm", "1073741824 1073741824 1073741824\n0 1:1\n"),
        ("label.svm", "1073741823 1:1\n"),
        ("label.txt", "a,16777215\n"),
    ] {
        refused_bytes(name, text.as_bytes());
    }
}
