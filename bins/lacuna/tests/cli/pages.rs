//! The commands of the pages work in the order in which they stand, and print what the pages show of them.

use crate::{json, lacuna};
use std::fs;
use std::path::Path;

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)).unwrap()
}

/// The blocks of a language in a page.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("```{language}\n");
    page.split(open.as_str()).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

/// The lines of `lacuna` in a page, as arguments.
fn commands(page: &str) -> Vec<Vec<String>> {
    let lines = blocks(page, "sh").concat().replace("\\\n", " ");
    let of = |line: &str| {
        let words = line.split(" # ").next().unwrap().split_whitespace();
        words.skip(1).map(String::from).collect()
    };
    lines.lines().filter(|line| line.starts_with("lacuna ")).map(of).collect()
}

/// Runs the commands of a page in an empty folder, but for those that train on the drawings, which take most of the time, and
/// whose number is returned.
fn follow(name: &str, folder: &Path) -> (usize, usize) {
    let (mut ran, mut left_out) = (0, 0);
    for command in commands(&page(name)) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        if words.contains(&"openclipart-keywords") {
            left_out += 1;
            continue;
        }
        let (code, _, error) = lacuna(folder, &words);
        assert_eq!(code, 0, "{name}: lacuna {}: {error}", words.join(" "));
        ran += 1;
    }
    (ran, left_out)
}

/// A line without the seconds at its end.
fn without_seconds(line: &str) -> &str {
    match line.rsplit_once(", ") {
        Some((rest, seconds)) if seconds.strip_suffix(" s").is_some_and(|n| n.parse::<f64>().is_ok()) => rest,
        _ => line,
    }
}

/// Whether a text has the lines of a transcript, where `...` stands for any lines.
fn shows(transcript: &str, text: &str) -> Result<(), String> {
    let mut lines = text.lines().map(without_seconds);
    let mut skips = false;
    for wanted in transcript.lines() {
        if wanted.trim() == "..." {
            skips = true;
            continue;
        }
        let wanted = without_seconds(wanted);
        let found = if skips { lines.any(|line| line == wanted) } else { lines.next() == Some(wanted) };
        if !found {
            return Err(format!("not printed: {wanted}"));
        }
        skips = false;
    }
    Ok(())
}

#[test]
fn the_commands_of_the_readme_work_and_print_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(follow("README.md", path), (6, 2));
    let (readme, heads) = (page("README.md"), page("docs/heads.md"));
    let (code, text, error) = lacuna(path, &["train", "openclipart-keywords", "--out", "head"]);
    assert_eq!(code, 0, "{error}");
    shows(blocks(&readme, "text")[0], &text).unwrap();
    let of_heads = blocks(&heads, "text")[0].replace("written: drawings (", "written: head (");
    shows(&of_heads, &text).unwrap();
    let (code, _, error) = lacuna(path, &["audit", "openclipart-keywords", "--out", "list.csv"]);
    assert_eq!(code, 0, "{error}");
    let list = fs::read_to_string(path.join("list.csv")).unwrap();
    let shown = blocks(&readme, "text")[1];
    assert!(list.starts_with(shown), "README.md shows\n{shown}but the list begins with\n{}", &list[..400]);
}

#[test]
fn the_commands_of_the_page_on_heads_work_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(follow("docs/heads.md", path), (14, 1));
    let metrics = json(path, &["eval", "test.npz", "--complete"])["metrics"].as_array().unwrap().len();
    let sentence = format!("# {metrics} metrics over known cells");
    assert!(page("docs/heads.md").contains(&sentence), "docs/heads.md does not say: {sentence}");
}

#[test]
fn the_commands_of_the_page_on_data_work_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(follow("docs/data.md", folder.path()), (8, 0));
}

#[test]
fn a_transcript_that_is_wrong_is_noticed() {
    let text = "3 rows, 4.1 s\nmap 66.3\nwritten: head\n";
    assert_eq!(shows("3 rows, 24.4 s\n...\nwritten: head\n", text), Ok(()));
    assert!(shows("3 rows, 4.1 s\nmap 66.4\n", text).is_err());
    assert!(shows("...\nmap 66.4\n", text).is_err());
    assert!(shows("4 rows, 4.1 s\n", text).is_err());
}
