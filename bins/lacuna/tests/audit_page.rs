//! The page of an audit in a browser: nothing is wider than the window, no script of a name runs, and no network is asked for.
#![allow(clippy::print_stdout, reason = "a test says what it skipped")]

mod browser;

use assert_cmd::Command;
use browser::{WIDTHS, asked, browser, measured, opened};
use lacuna_formats::{Destination, NpyArray, NpyData};
use std::fs;
use std::path::Path;

const ROWS: usize = 150;
/// A name that is longer than a line of a telephone.
const DATA: &str = "features_of_pictures_that_were_taken_in_the_summer_of_the_year.npy";
const SCRIPT: &str = "<script>document.title='changed'</script><img src=x onerror=document.title='changed'>";

/// Names of classes that a page might act on or that are too long for a line.
fn classes() -> [String; 3] {
    [
        SCRIPT.to_string(),
        "Eisenbahnknotenpunkthinundhergeschiebe".repeat(6),
        "two words ".repeat(30).trim().into(),
    ]
}

/// Names of rows: those of pictures, of which some are long, and some that a page might act on.
fn name(row: usize) -> String {
    match row {
        0..6 => format!("{SCRIPT}{row}"),
        row if row % 9 == 0 => format!("{}{row}.bmp", "a_folder_without_a_slash_".repeat(8)),
        _ => format!("folder/picture {row}.bmp"),
    }
}

/// A picture of one colour, 24 bits a pixel.
fn bmp(width: u32, height: u32, colour: [u8; 3]) -> Vec<u8> {
    let stride = (3 * width).next_multiple_of(4);
    let mut bytes = b"BM".to_vec();
    bytes.extend((54 + stride * height).to_le_bytes());
    bytes.extend([0; 4]);
    [54, 40, width, height, 1 | 24 << 16, 0, stride * height, 0, 0, 0, 0]
        .iter()
        .for_each(|number: &u32| bytes.extend(number.to_le_bytes()));
    for _ in 0..height {
        let line = bytes.len();
        (0..width).for_each(|_| bytes.extend(colour));
        bytes.resize(line + stride as usize, 0);
    }
    bytes
}

/// A list of three classes with pictures that are wide, tall and square.
fn write_page(folder: &Path) {
    let value = |i: usize| (i as f32 * 12.9898).sin();
    let x = NpyArray::new(vec![ROWS, 3], NpyData::F32((0..ROWS * 3).map(value).collect())).unwrap();
    x.save(Destination::new(&folder.join(DATA))).unwrap();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut labels = format!("id,{}\n", classes().map(|class| quoted(&class)).join(","));
    for row in 0..ROWS {
        let seen = |class: usize| u8::from(value(3 * row + class) > 0.0 && !(row + class).is_multiple_of(3));
        labels += &format!("{},{},{},{}\n", quoted(&name(row)), seen(0), seen(1), seen(2));
    }
    fs::write(folder.join("y.csv"), labels).unwrap();
    fs::create_dir_all(folder.join("my pictures/folder")).unwrap();
    for row in 0..ROWS {
        let (width, height) = [(900, 30), (30, 900), (300, 300), (400, 300)][row % 4];
        let colour = [row as u8, 255 - row as u8, (40 * row % 256) as u8];
        // The name with a slash is none of a file.
        let _ = fs::write(folder.join("my pictures").join(name(row)), bmp(width, height, colour));
    }
    let args = ["audit", "--features", DATA, "--labels", "y.csv", "--match", "row"];
    let more =
        ["--label-convention", "binary-an", "--images", "my pictures", "--out", "list.html", "--quiet"];
    let output =
        Command::cargo_bin("lacuna").unwrap().current_dir(folder).args(args).args(more).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn nothing_overflows_no_name_is_run_and_no_network_is_asked_for() {
    let Some(browser) = browser() else {
        println!("skipped: there is no chromium to open the page in");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    write_page(folder.path());
    let path = folder.path().join("list.html");
    let page = fs::read_to_string(&path).unwrap();
    let fits = WIDTHS.map(|width| format!("{width} true"));
    assert_eq!(measured(&browser, folder.path(), &page, &WIDTHS), fits);
    // The measurement sees what is too wide.
    let wider = page.replace("<section>", "<div style=\"width:900px\">x</div><section>");
    let found = measured(&browser, folder.path(), &wider, &WIDTHS);
    let verdicts: Vec<bool> = found.iter().map(|line| line.contains("true")).collect();
    assert_eq!(verdicts, [false, false, true], "{found:?}");

    assert_eq!(asked(&browser, folder.path(), &path), [] as [&str; 0]);
    // Pictures are there under the policy of the page, of the first rows at least; those further down are loaded when they are seen.
    let shown = fs::read_to_string(&path).unwrap().matches("<img ").count();
    assert!(shown > 40, "{shown}");
    let profile = folder.path().join("profile");
    let dom = opened(&browser, &profile, &path, &[]);
    assert!(dom.contains("<title>Labels that are probably missing") && !dom.contains("changed</title>"));
    assert_eq!(dom.matches("<script").count(), 0);
    // Names and reasons are whole.
    assert!(page.contains(&classes()[1]) && !page.contains("...<"));
    assert!((0..ROWS).filter(|row| page.contains(&name(*row))).any(|row| row % 9 == 0));
    let log = folder.path().join("loads.html");
    let count = "<script>addEventListener(\"load\", () => { document.title = [...document.images].filter(i => \
                 i.complete && i.naturalWidth > 0).length + \" of \" + document.images.length; });</script>";
    let start = page.find("<meta http-equiv").unwrap();
    let end = start + page[start..].find('>').unwrap() + 1;
    let eager = page[end..].replace("loading=\"lazy\" ", "").replace("</body>", &format!("{count}</body>"));
    fs::write(&log, page[..start].to_string() + &eager).unwrap();
    let dom = opened(&browser, &profile, &log, &[]);
    assert!(dom.contains(&format!("<title>{shown} of {shown}</title>")), "{}", &dom[..dom.len().min(600)]);
}
