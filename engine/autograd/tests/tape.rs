//! The tape's promises to its users, through its public face.

use lacuna_engine::{EntryKind, Exec, Grad, Tape, Tensor};

fn message(work: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(work).expect_err("this had to panic");
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()))
        .unwrap()
}

#[test]
fn a_value_used_twice_gets_both_gradients() {
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::new([3], vec![1.0, -2.0, 3.0]));
    tape.seal();
    let y = tape.mul(w, w);
    let z = tape.add(y, w);
    let loss = tape.sum(z);
    tape.backward(loss);
    assert_eq!(tape.grad(w), Some(&[3.0, -3.0, 7.0][..]), "2 w + 1");
    // A second pass over the same recording replaces the gradients, it does not add to them.
    tape.backward(loss);
    assert_eq!(tape.grad(w), Some(&[3.0, -3.0, 7.0][..]));
}

#[test]
fn a_stale_handle_is_refused() {
    let text = message(|| {
        let mut tape = Tape::new();
        tape.seal();
        let x = tape.input([1], &[1.0]);
        tape.reset();
        let _same_place = tape.input([1], &[2.0]);
        tape.exp(x);
    });
    assert!(text.contains("exp") && text.contains("earlier step"), "{text}");
}

#[test]
fn a_handle_of_another_tape_is_refused() {
    let text = message(|| {
        let (mut one, mut two) = (Tape::new(), Tape::new());
        let w = one.param("w", Tensor::zeros([1]));
        let _ = two.param("w", Tensor::zeros([1]));
        one.seal();
        two.seal();
        two.value(w);
    });
    assert!(text.contains("another tape"), "{text}");
}

#[test]
fn parameters_outlive_every_step() {
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::new([1], vec![2.0]));
    tape.seal();
    for _ in 0..3 {
        tape.reset();
        let y = tape.exp(w);
        tape.backward(y);
        assert!((tape.grad(w).unwrap()[0] - 2f32.exp()).abs() < 1e-5);
    }
}

#[test]
fn misuse_names_operation_and_shapes() {
    let text = message(|| {
        let mut tape = Tape::new();
        tape.seal();
        let a = tape.input([2, 3], &[0.0; 6]);
        tape.matmul(a, a);
    });
    assert!(text.contains("matmul: [2, 3] x [2, 3]"), "{text}");
    let text = message(|| {
        let mut tape = Tape::new();
        tape.seal();
        let (a, b) = (tape.input([2, 3], &[0.0; 6]), tape.input([2], &[0.0; 2]));
        tape.add(a, b);
    });
    assert!(text.contains("add: [2, 3] and [2]"), "{text}");
    let text = message(|| {
        let mut tape = Tape::new();
        tape.input([1], &[0.0]);
    });
    assert!(text.contains("seal the tape"), "{text}");
    let text = message(|| {
        let mut tape = Tape::new();
        tape.param("w", Tensor::zeros([1]));
        tape.param("w", Tensor::zeros([1]));
    });
    assert!(text.contains("`w`"), "{text}");
}

#[test]
fn a_parameter_no_path_reached_has_no_gradient() {
    let mut tape = Tape::new();
    let (used, unused) = (tape.param("used", Tensor::zeros([1])), tape.param("unused", Tensor::zeros([1])));
    let running = tape.state("running", Tensor::zeros([1]));
    tape.seal();
    let y = tape.exp(used);
    let (z, blocked) = (tape.mul(y, running), tape.detach(unused));
    let sum = tape.add(z, blocked);
    tape.backward(sum);
    assert!(tape.grad(used).is_some());
    assert_eq!((tape.grad(unused), tape.grad(running)), (None, None));
    let kinds: Vec<_> = tape.entries().map(|e| (e.name.to_string(), e.kind, e.grad.is_some())).collect();
    assert_eq!(
        kinds,
        [
            ("used".to_string(), EntryKind::Param, true),
            ("unused".to_string(), EntryKind::Param, false),
            ("running".to_string(), EntryKind::State, false)
        ]
    );
}

#[test]
fn gathered_rows_of_a_parameter_have_a_gradient_of_rows() {
    let mut tape = Tape::new();
    let table = tape.param("table", Tensor::new([4, 2], (0..8).map(|i| i as f32).collect()));
    tape.seal();
    for rows in [[3u32, 1, 3], [0, 0, 0]] {
        tape.reset();
        let picked = tape.gather_rows(table, &rows);
        let loss = tape.sum(picked);
        tape.backward(loss);
        let entry = tape.entries().next().unwrap();
        let Some(Grad::Rows { rows: touched, data }) = entry.grad else { panic!("rows were expected") };
        for row in touched {
            let times = rows.iter().filter(|r| *r == row).count() as f32;
            assert_eq!(data[*row as usize * 2..][..2], [times, times]);
        }
        let mut distinct = rows.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut touched = touched.to_vec();
        touched.sort_unstable();
        assert_eq!(touched, distinct);
    }
    // A dense use beside it makes the gradient dense.
    tape.reset();
    let picked = tape.gather_rows(table, &[2]);
    let (a, b) = (tape.sum(picked), tape.sum(table));
    let loss = tape.add(a, b);
    tape.backward(loss);
    assert_eq!(tape.grad(table), Some(&[1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0][..]));
}

#[test]
fn batch_sizes_may_change_from_step_to_step() {
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::new([3, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    tape.seal();
    let mut first = None;
    for batch in [4usize, 1, 7, 4] {
        tape.reset();
        let x =
            tape.input_with([batch, 3], |x| x.iter_mut().enumerate().for_each(|(i, x)| *x = (i % 5) as f32));
        let y = tape.matmul(x, w);
        let loss = tape.mean(y);
        tape.backward(loss);
        assert_eq!(tape.value(y).len(), batch * 2);
        if batch == 4 {
            let now = (tape.value(y).to_vec(), tape.grad(w).unwrap().to_vec());
            assert_eq!(*first.get_or_insert(now.clone()), now, "what lay in the buffers does not matter");
        }
    }
}

#[test]
fn a_row_alone_is_predicted_as_among_many() {
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::new([300, 17], (0..5100).map(|i| (i as f32 * 0.37).sin()).collect()));
    let b = tape.param("b", Tensor::new([17], (0..17).map(|i| i as f32 * 0.1).collect()));
    tape.seal();
    let x: Vec<f32> = (0..20 * 300).map(|i| (i as f32 * 0.11).cos()).collect();
    let mut predict = |rows: std::ops::Range<usize>| {
        tape.reset();
        let n = rows.len();
        let x = tape.input([n, 300], &x[rows.start * 300..rows.end * 300]);
        let z = tape.matmul(x, w);
        let z = tape.add(z, b);
        let p = tape.sigmoid(z);
        tape.value(p).to_vec()
    };
    let all = predict(0..20);
    for i in 0..20 {
        assert_eq!(predict(i..i + 1), all[i * 17..(i + 1) * 17], "row {i}");
    }
}

#[test]
fn a_step_has_the_same_bits_for_any_number_of_threads() {
    let run = |exec| {
        let mut tape = Tape::with_exec(exec);
        let w1 = tape
            .param("w1", Tensor::new([256, 128], (0..256 * 128).map(|i| (i as f32).sin() * 0.1).collect()));
        let w2 =
            tape.param("w2", Tensor::new([128, 20], (0..128 * 20).map(|i| (i as f32).cos() * 0.1).collect()));
        tape.seal();
        tape.reset();
        let x = tape
            .input_with([512, 256], |x| x.iter_mut().enumerate().for_each(|(i, x)| *x = (i as f32).sin()));
        let h = tape.matmul(x, w1);
        let h = tape.relu(h);
        let z = tape.matmul(h, w2);
        let l = tape.softplus(z);
        let loss = tape.mean(l);
        tape.backward(loss);
        let mut bits = vec![tape.value(loss)[0].to_bits()];
        bits.extend(tape.grad(w1).unwrap().iter().chain(tape.grad(w2).unwrap()).map(|g| g.to_bits()));
        bits
    };
    let serial = run(Exec::Serial);
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| run(Exec::Rayon)), serial, "{threads} threads");
    }
}

#[test]
fn the_tape_prints_itself() {
    let mut tape = Tape::new();
    let w = tape.param("w", Tensor::zeros([2, 1]));
    tape.seal();
    let x = tape.input([1, 2], &[1.0, 2.0]);
    let y = tape.scope("head", |tape| tape.scope("linear", |tape| tape.matmul(x, w)));
    tape.backward(y);
    let table = tape.table();
    assert!(table.contains("matmul") && table.contains("head/linear") && table.contains("[1, 1]"), "{table}");
    let dot = tape.dot();
    assert!(dot.contains("n0 -> n2") && dot.contains("n1 -> n2") && dot.starts_with("digraph"), "{dot}");
}

#[test]
fn a_failed_loss_leaves_nothing_behind() {
    let mut tape = Tape::new();
    tape.seal();
    let x = tape.variable([2], &[1.0, 2.0]);
    let nodes = tape.node_count();
    assert_eq!(tape.fused_loss(&[x], |_, _| Err("no")), Err("no"));
    assert_eq!(tape.node_count(), nodes);
    let loss = tape.fused_loss(&[x], |x, dx| {
        dx[0].fill(1.0);
        Ok::<f32, &str>(x[0].iter().sum())
    });
    tape.backward(loss.unwrap());
    assert_eq!(tape.grad(x), Some(&[1.0, 1.0][..]));
}

#[test]
fn a_vector_jacobian_product_starts_from_any_value() {
    let mut tape = Tape::new();
    tape.seal();
    let x = tape.variable([3], &[1.0, 2.0, 3.0]);
    let y = tape.mul(x, x);
    tape.backward_from(y, &[1.0, 0.0, -1.0]);
    assert_eq!(tape.grad(x), Some(&[2.0, 0.0, -6.0][..]));
}

#[test]
fn an_input_that_is_kept_is_filled_once_and_again_where_its_place_was_used() {
    let mut tape = Tape::new();
    tape.seal();
    let mut filled = 0;
    let mut step = |tape: &mut Tape, contents: u64, rows: usize, value: f32| {
        tape.reset();
        let x = tape.input_kept([rows, 2], contents, |x| {
            filled += 1;
            x.fill(value);
        });
        assert_eq!(tape.shape(x), [rows, 2].into());
        (filled, tape.value(x)[0])
    };
    assert_eq!(step(&mut tape, 7, 3, 1.0), (1, 1.0));
    assert_eq!(step(&mut tape, 7, 3, 2.0), (1, 1.0), "the contents are the same");
    assert_eq!(step(&mut tape, 8, 3, 3.0), (2, 3.0), "other contents");
    assert_eq!(step(&mut tape, 8, 4, 4.0), (3, 4.0), "another shape");
    // Another value at this place of the tape.
    tape.reset();
    tape.input([4, 2], &[5.0; 8]);
    assert_eq!(step(&mut tape, 8, 4, 6.0), (4, 6.0));
    // A place that was not reached keeps what it has.
    tape.reset();
    assert_eq!(step(&mut tape, 8, 4, 7.0), (4, 6.0));
}

/// A row or a column of another length was once taken for one that fits.
#[test]
fn operands_that_do_not_fit_each_other_are_refused_and_those_that_do_are_broadcast() {
    let shapes: [[&[usize]; 2]; 6] = [
        [&[4, 3], &[4]],
        [&[4, 3], &[1, 4]],
        [&[4, 3], &[3, 1]],
        [&[4, 3], &[3, 4]],
        [&[2], &[3]],
        [&[2, 2, 3], &[3]],
    ];
    for [a, b] in shapes {
        for (a, b) in [(a, b), (b, a)] {
            let text = message(|| {
                let mut tape = Tape::new();
                tape.seal();
                let mut ones = |sizes: &[usize]| match *sizes {
                    [n] => tape.input([n], &vec![1.0; n]),
                    [n, m] => tape.input([n, m], &vec![1.0; n * m]),
                    [n, m, k] => tape.input([n, m, k], &vec![1.0; n * m * k]),
                    _ => unreachable!("one to three dimensions"),
                };
                let (x, y) = (ones(a), ones(b));
                tape.add(x, y);
            });
            assert!(text.contains("add"), "{a:?} and {b:?}: {text}");
        }
    }
    let mut tape = Tape::new();
    tape.seal();
    let x = tape.input([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let row = tape.input([3], &[10.0, 20.0, 30.0]);
    let column = tape.input([2, 1], &[100.0, 200.0]);
    let sum = tape.add(x, row);
    let sum = tape.add(column, sum);
    assert_eq!(tape.value(sum), [111.0, 122.0, 133.0, 214.0, 225.0, 236.0]);
}

/// No golden case had a mean of rows, so it could be multiplied where it is divided.
#[test]
fn a_mean_of_rows_is_divided_by_the_columns_and_so_is_its_gradient() {
    let mut tape = Tape::new();
    tape.seal();
    let x = tape.variable([2, 4], &[1.0, 2.0, 3.0, 6.0, -4.0, 0.0, 0.0, 2.0]);
    let mean = tape.mean_rows(x);
    assert_eq!((tape.shape(mean), tape.value(mean)), ([2, 1].into(), &[3.0, -0.5][..]));
    tape.backward_from(mean, &[1.0, -2.0]);
    assert_eq!(tape.grad(x), Some(&[0.25, 0.25, 0.25, 0.25, -0.5, -0.5, -0.5, -0.5][..]));
}
