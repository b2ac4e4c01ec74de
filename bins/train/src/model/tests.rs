use super::*;
use crate::{Fit, MlpSpec, Named};
use lacuna_formats::{Destination, NpyArray, NpyData, write_safetensors};
use lacuna_labels::ObservedLabels;
use std::fs;

/// Rows of 12 numbers that are also pictures of 3 x 2 x 2, with two classes.
fn data(rows: usize) -> (Features, ObservedLabels) {
    let mut stream = Stream::new(5, "model");
    let values = (0..rows * 12).map(|i| stream.normal() as f32 * (1.0 + (i % 12) as f32) + 2.0).collect();
    let x = Features::new(rows, 12, values).unwrap();
    let label = |positive: bool| if positive { Label::Positive } else { Label::Negative };
    let cells = (0..rows).flat_map(|row| [label(x.row(row)[0] > 2.0), label(x.row(row)[5] > x.row(row)[7])]);
    let labels = LabelMatrix::new(rows, 2, cells.collect()).unwrap();
    (x, labels.into())
}

/// Every head with a transform: what can be folded and what cannot.
fn models(x: &Features, y: &ObservedLabels) -> Vec<Model> {
    let mlp = MlpSpec {
        batch_norm: true,
        dropout: 0.2,
        activation: "gelu".to_string(),
        ..MlpSpec::plain(vec![6, 4])
    };
    let cnn = Head::Cnn(CnnSpec { image: Some([3, 2, 2]), channels: vec![4] });
    let pca = Named::new("pca").set("components", 5.0).set("whiten", 1.0);
    let cases = [
        (Head::Linear, Named::new("none")),
        (Head::Linear, Named::new("l2-standardise")),
        (Head::Linear, pca.clone()),
        (Head::Mlp(mlp), Named::new("standardise")),
        (Head::Cosine, Named::new("none")),
        (Head::Cosine, Named::new("l2")),
        (Head::Cosine, pca),
        (cnn.clone(), Named::new("none")),
        (cnn, Named::new("standardise")),
        (Head::Mlp(MlpSpec { nested_dropout: 0.5, ..MlpSpec::plain(vec![6]) }), Named::new("none")),
    ];
    let fit = |(head, transform)| {
        let fit = Fit::new("bce").head(head).transform(transform).epochs(3).batch(16);
        fit.fit(x, y).unwrap().with_thresholds(vec![0.25, 0.75]).unwrap()
    };
    cases.into_iter().map(fit).collect()
}

fn bits(predictions: &Predictions) -> Vec<u32> {
    predictions.logits().iter().map(|z| z.to_bits()).collect()
}

#[test]
fn a_loaded_model_predicts_the_same_bits_and_is_the_same() {
    let (x, y) = data(40);
    for model in models(&x, &y) {
        let folder = tempfile::tempdir().unwrap();
        model.save(folder.path().join("head")).unwrap();
        let loaded = Model::load(folder.path().join("head")).unwrap();
        assert_eq!(loaded, model);
        let (before, after) = (model.predict(&x).unwrap(), loaded.predict(&x).unwrap());
        assert_eq!(bits(&before), bits(&after), "{}", model.head());
    }
}

#[test]
fn the_bits_of_a_row_do_not_depend_on_the_other_rows() {
    let (x, y) = data(300);
    for model in models(&x, &y) {
        let all = model.predict(&x).unwrap();
        for row in [0, 1, 7, 255, 256, 299] {
            let one = model.predict(&x.select(&[row])).unwrap();
            assert_eq!(bits(&one), bits(&all)[row * 2..row * 2 + 2], "{} row {row}", model.head());
        }
    }
}

#[test]
fn a_wide_row_alone_has_the_bits_it_has_in_a_batch() {
    let mut stream = Stream::new(6, "wide");
    for (features, classes) in [(1280, 17), (2048, 80), (513, 3)] {
        let x: Vec<f32> = (0..70 * features).map(|_| stream.normal() as f32).collect();
        let x = Features::new(70, features, x).unwrap();
        let values = (0..features * classes).map(|_| stream.normal() as f32).collect();
        let weights = [
            Weights { name: "weight".to_string(), shape: vec![features, classes], values },
            bias_of_zeros(classes),
        ];
        let model = Model::new(ModelParts {
            head: &Head::Linear,
            transform: &Transform::default(),
            weights: &weights,
            features,
            classes: (0..classes).map(|class| class.to_string()).collect(),
            trained: TrainedWith::default(),
        });
        let model = model.unwrap();
        let all = bits(&model.predict(&x).unwrap());
        for row in [0, 5, 69] {
            assert_eq!(
                bits(&model.predict(&x.select(&[row])).unwrap()),
                all[row * classes..(row + 1) * classes]
            );
        }
    }
}

/// A reader of safetensors that shares nothing with the one of the project.
fn tensors(bytes: &[u8]) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    assert!(length.is_multiple_of(8), "the data start at a multiple of 8 bytes");
    let data = &bytes[8 + length..];
    let numbers = |value: &serde_json::Value| -> Vec<usize> {
        value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
    };
    let entries = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__");
    let tensor = |(name, entry): (&String, &serde_json::Value)| {
        assert_eq!(entry["dtype"], "F32");
        let [from, to] = numbers(&entry["data_offsets"])[..] else { panic!("offsets") };
        let values = data[from..to].chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        (name.clone(), (numbers(&entry["shape"]), values))
    };
    entries.map(tensor).collect()
}

#[test]
fn the_file_has_the_names_and_the_layout_of_pytorch() {
    let (x, y) = data(40);
    let folder = tempfile::tempdir().unwrap();
    let model = Fit::new("bce").transform(Named::new("l2-standardise")).fit(&x, &y).unwrap();
    model.save(folder.path()).unwrap();
    let bytes = fs::read(folder.path().join("head.safetensors")).unwrap();
    let saved = tensors(&bytes);
    let (shape, weight) = &saved["weight"];
    let (_, bias) = &saved["bias"];
    assert_eq!((shape.as_slice(), bias.len(), saved.len()), (&[2, 12][..], 2, 2));
    // What torch.nn.Linear does: x W^T + b, on rows divided by their norm.
    let p = model.predict(&x).unwrap();
    for row in 0..40 {
        let norm = x.row(row).iter().map(|x| x * x).sum::<f32>().sqrt();
        for class in 0..2 {
            let w = &weight[class * 12..(class + 1) * 12];
            let z = bias[class] + x.row(row).iter().zip(w).map(|(x, w)| x / norm * w).sum::<f32>();
            assert!((z - p.logits()[row * 2 + class]).abs() < 1e-3, "row {row}, class {class}");
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    for said in ["\"format\":\"pt\"", "l2: divide every row", "torch.nn.Linear(12, 2)"] {
        assert!(text.contains(said), "{said}");
    }
}

#[test]
fn names_and_modules_are_those_of_sequential() {
    let (x, y) = data(40);
    let models = models(&x, &y);
    let names = |model: &Model| model.weights().iter().map(|w| w.name.clone()).collect::<Vec<_>>();
    assert_eq!(
        models[3].torch_module(),
        "torch.nn.Sequential(torch.nn.Linear(12, 6), torch.nn.BatchNorm1d(6), torch.nn.GELU(), torch.nn.Dropout(0.2), \
         torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4), torch.nn.GELU(), torch.nn.Dropout(0.2), torch.nn.Linear(4, 2))"
    );
    let mut of_mlp = names(&models[3]);
    of_mlp.sort();
    let batch_norm =
        |n: u8| ["bias", "running_mean", "running_var", "weight"].map(|part| format!("{n}.{part}"));
    let linear = |n: u8| ["bias", "weight"].map(|part| format!("{n}.{part}"));
    let expected =
        [&linear(0)[..], &batch_norm(1)[..], &linear(4)[..], &batch_norm(5)[..], &linear(8)[..]].concat();
    assert_eq!(of_mlp, expected);
    assert_eq!(names(&models[4]), ["weight", "bias"], "a cosine head is a linear layer");
    assert_eq!(
        models[7].torch_module(),
        "torch.nn.Sequential(torch.nn.Unflatten(1, (3, 2, 2)), torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(), \
         torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(4, 2))"
    );
    assert_eq!(names(&models[7]), ["1.weight", "1.bias", "5.weight", "5.bias"]);
    let nested = models[9].torch_module();
    assert!(nested.ends_with("ReLU(), torch.nn.Identity(), torch.nn.Linear(6, 2))"), "{nested}");
    assert_eq!(names(&models[9]), ["0.weight", "0.bias", "3.weight", "3.bias"]);
}

#[test]
fn a_transform_that_cannot_be_folded_is_kept_and_the_weights_say_so() {
    let (x, y) = data(40);
    let models = models(&x, &y);
    let folder = tempfile::tempdir().unwrap();
    for (i, alone) in [true, true, true, true, true, true, false, true, false].into_iter().enumerate() {
        let path = folder.path().join(i.to_string());
        models[i].save(&path).unwrap();
        let bytes = fs::read(path.join("head.safetensors")).unwrap();
        let said = String::from_utf8_lossy(&bytes).contains("this file alone is not enough");
        assert_eq!(said, !alone, "{i}: {}", models[i].head());
        let linear = matches!(models[i].head(), Head::Linear | Head::Mlp(_));
        assert!(!linear || models[i].input().transform.mean.is_empty(), "{i}");
    }
    assert!(models[4].input().transform.l2 && !models[4].input().normalise);
    assert!(models[6].input().normalise);
}

#[test]
fn other_features_and_thresholds_are_refused() {
    let (x, y) = data(40);
    let model = Fit::new("bce").fit(&x, &y).unwrap();
    let error = model.predict(&Features::new(1, 2, vec![0.0; 2]).unwrap()).unwrap_err();
    assert!(matches!(error, ModelError::Features { expected: 12, found: 2 }), "{error}");
    let error = model.predict(&Features::new(1, 12, vec![f32::MAX; 12]).unwrap()).unwrap_err();
    assert!(matches!(error, ModelError::NotFinite { row: 0, .. }), "{error}");
    assert_eq!(model.predict(&Features::new(0, 12, vec![]).unwrap()).unwrap().rows(), 0);
    for bad in [vec![0.5], vec![0.5, 1.5], vec![f32::NAN, 0.5]] {
        assert!(matches!(model.clone().with_thresholds(bad), Err(ModelError::Unfit(_))));
    }
    let all = model.with_thresholds(vec![1.0, 0.0]).unwrap();
    let decided = all.decide(&all.predict(&x).unwrap());
    assert!((0..40).all(|row| decided.row(row) == [Label::Negative, Label::Positive]));
}

#[test]
fn files_that_exist_are_refused_unless_they_are_to_be_replaced() {
    let (x, y) = data(40);
    let (one, other) = (Fit::new("bce").fit(&x, &y).unwrap(), Fit::new("an").fit(&x, &y).unwrap());
    let folder = tempfile::tempdir().unwrap();
    one.save(folder.path()).unwrap();
    let refused = other.save(folder.path()).unwrap_err();
    assert!(matches!(&refused, ModelError::Format(lacuna_formats::FormatError::Exists { .. })), "{refused}");
    assert_eq!(Model::load(folder.path()).unwrap(), one);
    other.save_replacing(folder.path()).unwrap();
    assert_eq!(Model::load(folder.path()).unwrap(), other);
    // Only one of the two files is there.
    fs::remove_file(folder.path().join("head.safetensors")).unwrap();
    assert!(one.save(folder.path()).is_err());
    assert!(!folder.path().join("head.safetensors").exists());
}

/// A head that was read while another program replaced it was "no such file", or had the weights of the other one.
#[cfg(unix)]
#[test]
fn a_head_is_read_whole_while_it_is_replaced() {
    let (x, y) = data(40);
    let models = ["bce", "an"].map(|loss| Fit::new(loss).fit(&x, &y).unwrap());
    let folder = tempfile::tempdir().unwrap();
    models[0].save(folder.path()).unwrap();
    std::thread::scope(|scope| {
        let writers = models
            .each_ref()
            .map(|model| scope.spawn(|| (0..40).for_each(|_| model.save_replacing(folder.path()).unwrap())));
        while !writers.iter().all(|writer| writer.is_finished()) {
            let read = Model::load(folder.path()).unwrap();
            assert!(models.contains(&read));
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    assert!(models.contains(&Model::load(folder.path()).unwrap()));
}

/// The same numbers in another shape are other data.
#[test]
fn fingerprints_know_the_sizes() {
    let features = |rows, columns| Features::new(rows, columns, vec![1.0; 6]).unwrap();
    let labels = |rows, classes| {
        ObservedLabels::from(LabelMatrix::new(rows, classes, vec![Label::Positive; 6]).unwrap())
    };
    let (one, other) =
        (Fingerprints::of(&features(2, 3), &labels(2, 3)), Fingerprints::of(&features(3, 2), &labels(3, 2)));
    assert_ne!(one.features, other.features);
    assert_ne!(one.labels, other.labels);
    assert_eq!(one, Fingerprints::of(&features(2, 3), &labels(2, 3)));
}

#[test]
fn weights_of_another_model_are_refused() {
    let (x, y) = data(40);
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    Fit::new("bce").fit(&x, &y).unwrap().save(&one).unwrap();
    Fit::new("an").fit(&x, &y).unwrap().save(&other).unwrap();
    fs::copy(other.join("head.safetensors"), one.join("head.safetensors")).unwrap();
    let error = Model::load(&one).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("head.safetensors: these are not the weights"), "{said}");
    assert!(Model::load(folder.path().join("nowhere")).unwrap_err().to_string().contains("head.json"));
    // More tensors than any head has are refused before one is read.
    let array = NpyArray::new(vec![1], NpyData::F32(vec![0.0])).unwrap();
    let names: Vec<String> = (0..1_002).map(|i| i.to_string()).collect();
    let many: Vec<(&str, &NpyArray)> = names.iter().map(|name| (name.as_str(), &array)).collect();
    write_safetensors(Destination::replacing(&one.join("head.safetensors")), &many, &[]).unwrap();
    let said = Model::load(&one).unwrap_err().to_string();
    assert!(said.contains("1002 tensors exceed those of a head"), "{said}");
}

#[test]
fn damaged_files_are_refused_and_never_panic() {
    let (x, y) = data(20);
    let folder = tempfile::tempdir().unwrap();
    let mlp = Head::Mlp(MlpSpec { batch_norm: true, ..MlpSpec::plain(vec![3]) });
    let model = Fit::new("bce").head(mlp).epochs(1).batch(8).fit(&x, &y).unwrap();
    model.save(folder.path()).unwrap();
    let (weights, document) = (folder.path().join("head.safetensors"), folder.path().join("head.json"));
    for path in [&weights, &document] {
        let whole = fs::read(path).unwrap();
        // Every strict prefix but the JSON document without its last line break.
        let ends = whole.len() - usize::from(path == &document);
        for end in (0..ends).step_by(7).chain([ends - 1]) {
            fs::write(path, &whole[..end]).unwrap();
            assert!(Model::load(folder.path()).is_err(), "{} {end}", path.display());
        }
        // One byte changed: refused, or a model that is valid by itself (a name, a note).
        for at in (0..whole.len()).step_by(3) {
            let mut changed = whole.clone();
            changed[at] ^= 0x15;
            fs::write(path, &changed).unwrap();
            if let Ok(model) = Model::load(folder.path()) {
                assert!(path == &document || at < 2000, "{} {at}", path.display());
                let _ = model.predict(&x);
            }
        }
        fs::write(path, &whole).unwrap();
    }
    let text = fs::read_to_string(&document).unwrap();
    for (from, to, said) in [
        ("\"features\": 12", "\"features\": 1152921504606846976", "weights"),
        ("\"features\": 12", "\"features\": 0", "0 features"),
        ("\"features\": 12", "\"features\": 13", "`0.weight` has the shape"),
        ("\"features\": 12", "\"features\": 12, \"extra\": 1", "unknown field"),
        ("\"format_version\": 1", "\"format_version\": 2", "version 2"),
        ("\"thresholds\": null", "\"thresholds\": [0.5]", "1 thresholds for 2 classes"),
        ("\"mean\": []", "\"mean\": [1.0]", "transform of the input"),
        ("\"mean\": []", "\"mean\": [1e400]", "out of range"),
        ("\"1\"", "\"0\"", "duplicate class"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&document, text.replace(from, to)).unwrap();
        let error = Model::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("head.json"), "{from} -> {to}: {error}");
    }
}

/// torch.nn.Linear: x W^T + b for one row.
fn linear(
    x: &[f64],
    (shape, weight): &(Vec<usize>, Vec<f32>),
    (_, bias): &(Vec<usize>, Vec<f32>),
) -> Vec<f64> {
    assert_eq!(shape[1], x.len());
    let unit =
        |(w, b): (&[f32], &f32)| f64::from(*b) + w.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>();
    weight.chunks(shape[1]).zip(bias).map(unit).collect()
}

/// torch.nn.Conv2d with 3 x 3 kernels and padding 1, ReLU and a 2 x 2 maximum.
fn convolution(
    x: &[f64],
    [height, width]: [usize; 2],
    (shape, kernel): &(Vec<usize>, Vec<f32>),
    bias: &[f32],
) -> Vec<f64> {
    let (outputs, inputs) = (shape[0], shape[1]);
    let at = |channel: usize, y: usize, x_: usize| {
        // Shifted by the padding.
        let inside = (1..=height).contains(&y) && (1..=width).contains(&x_);
        if inside { x[(channel * height + y - 1) * width + x_ - 1] } else { 0.0 }
    };
    let value = |output: usize, y: usize, x_: usize| {
        let mut sum = f64::from(bias[output]);
        for input in 0..inputs {
            for (i, w) in kernel[(output * inputs + input) * 9..][..9].iter().enumerate() {
                sum += f64::from(*w) * at(input, y + i / 3, x_ + i % 3);
            }
        }
        sum.max(0.0)
    };
    let mut pooled = Vec::new();
    for output in 0..outputs {
        for y in (0..height / 2 * 2).step_by(2) {
            for x_ in (0..width / 2 * 2).step_by(2) {
                let corners = [(y, x_), (y, x_ + 1), (y + 1, x_), (y + 1, x_ + 1)];
                pooled.push(corners.map(|(y, x_)| value(output, y, x_)).into_iter().fold(0.0, f64::max));
            }
        }
    }
    pooled
}

#[test]
fn what_pytorch_computes_from_the_saved_file_is_what_is_predicted() {
    let (x, y) = data(60);
    let folder = tempfile::tempdir().unwrap();
    let mlp = Head::Mlp(MlpSpec { batch_norm: true, ..MlpSpec::plain(vec![6]) });
    let cnn = Head::Cnn(CnnSpec { image: Some([1, 4, 3]), channels: vec![3] });
    for (name, head, transform) in
        [("mlp", mlp, "standardise"), ("cnn", cnn, "none"), ("cosine", Head::Cosine, "l2")]
    {
        let fit = Fit::new("bce").head(head).transform(Named::new(transform)).epochs(4).batch(16);
        let model = fit.fit(&x, &y).unwrap();
        let path = folder.path().join(name);
        model.save(&path).unwrap();
        let t = tensors(&fs::read(path.join("head.safetensors")).unwrap());
        let predicted = model.predict(&x).unwrap();
        for row in 0..x.rows() {
            let x: Vec<f64> = x.row(row).iter().map(|x| f64::from(*x)).collect();
            let z = match name {
                "mlp" => {
                    let mut hidden = linear(&x, &t["0.weight"], &t["0.bias"]);
                    for (i, h) in hidden.iter_mut().enumerate() {
                        let of = |part: &str| f64::from(t[&format!("1.{part}")].1[i]);
                        let unit = (*h - of("running_mean")) / (of("running_var") + 1e-5).sqrt();
                        *h = (unit * of("weight") + of("bias")).max(0.0);
                    }
                    linear(&hidden, &t["3.weight"], &t["3.bias"])
                }
                "cnn" => {
                    let pooled = convolution(&x, [4, 3], &t["1.weight"], &t["1.bias"].1);
                    linear(&pooled, &t["5.weight"], &t["5.bias"])
                }
                _ => {
                    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
                    linear(&x.iter().map(|x| x / norm).collect::<Vec<_>>(), &t["weight"], &t["bias"])
                }
            };
            for (class, z) in z.into_iter().enumerate() {
                let ours = f64::from(predicted.logits()[row * 2 + class]);
                assert!((z - ours).abs() < 1e-3 * (1.0 + z.abs()), "{name} row {row}: {z} {ours}");
            }
        }
    }
}

#[test]
fn a_cosine_head_gives_the_logits_that_it_had_in_training() {
    let (x, _) = data(20);
    let mut tape = Tape::with_exec(Exec::Serial);
    let head = CosineClassifier::new(&mut tape, "", 12, 2, &mut Stream::new(1, "cosine"));
    tape.seal();
    let weight = tape.entries().map(|entry| Weights {
        name: entry.name.to_string(),
        shape: entry.shape.sizes().to_vec(),
        values: entry.value.to_vec(),
    });
    let weight: Vec<Weights> = weight.collect();
    let model = Model::new(ModelParts {
        head: &Head::Cosine,
        transform: &Transform::default(),
        weights: &weight,
        features: 12,
        classes: vec!["a".to_string(), "b".to_string()],
        trained: TrainedWith::default(),
    });
    tape.reset();
    let input = tape.input([20, 12], x.values());
    let z = head.forward(&mut tape, input, Mode::Eval);
    let predicted = model.unwrap().predict(&x).unwrap();
    assert!(tape.value(z).iter().zip(predicted.logits()).all(|(a, b)| (a - b).abs() < 1e-4));
}

#[test]
fn a_model_knows_the_features_that_trained_it() {
    let (x, y) = data(60);
    let model = Fit::new("bce").fit(&x, &y).unwrap();
    assert_eq!(crate::Fingerprints::of_features(&x), model.trained_with().fingerprints.features);
    let others: Vec<usize> = (1..60).collect();
    let others = crate::Fingerprints::of_features(&x.select(&others));
    assert_ne!(others, model.trained_with().fingerprints.features);
}
