//! Pages in a browser: what is wider than the window, and which addresses are asked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Widths of windows: a telephone, a tablet, a screen.
pub(crate) const WIDTHS: [usize; 3] = [360, 800, 1600];
/// Writes into the window around it how wide the page is, and what reaches beyond it. What lies in a box that scrolls may be wider.
const MEASURE: &str = r#"<script>addEventListener("load", () => {
  const root = document.documentElement, wide = [];
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    const outer = element.closest(".scroll");
    const scrolls = outer && getComputedStyle(outer).overflowX == "auto";
    if (box.right > root.clientWidth + 0.5 && !scrolls) wide.push(element.tagName);
  }
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1) wide.push("text " + text.textContent);
    }
  }
  parent.postMessage([innerWidth, root.scrollWidth <= root.clientWidth, wide.slice(0, 5)], "*");
});</script>"#;

/// The first browser of these names that is found.
pub(crate) fn browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

/// Opens a file in a browser without a window; what the page has become.
pub(crate) fn opened(browser: &Path, profile: &Path, page: &Path, more: &[String]) -> String {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(more)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What reaches beyond the window, width by width: lines `360 true`, or `360 false` and the elements.
pub(crate) fn measured(browser: &Path, folder: &Path, page: &str, widths: &[usize]) -> Vec<String> {
    // The policy of the page runs no scripts; the copy that is measured has none.
    let start = page.find("<meta http-equiv").expect("the page has a policy");
    let end = start + page[start..].find('>').unwrap() + 1;
    let copy = page[..start].to_string() + &page[end..].replace("</body>", &format!("{MEASURE}</body>"));
    fs::write(folder.join("copy.html"), copy).unwrap();
    // A window of less than some 500 pixels is made wider; a frame is not.
    let frame = |width: &usize| {
        format!("<iframe src=\"copy.html\" style=\"width:{width}px;height:900px;border:0\"></iframe>")
    };
    let frames: String = widths.iter().map(frame).collect();
    let collect = "<script>addEventListener(\"message\", e => { const li = document.createElement(\"li\"); \
                   li.textContent = e.data[0] + \" \" + (e.data[1] && !e.data[2].length) + \" \" + e.data[2]; \
                   document.body.append(li); });</script>";
    let around = folder.join("around.html");
    fs::write(&around, format!("<!doctype html><body>{collect}{frames}</body>")).unwrap();
    let dom = opened(browser, &folder.join("profile"), &around, &[]);
    let mut found: Vec<String> = dom
        .split("<li>")
        .skip(1)
        .map(|rest| rest[..rest.find("</li>").unwrap()].trim().to_string())
        .collect();
    found.sort_by_key(|line| line.split(' ').next().and_then(|width| width.parse::<usize>().ok()));
    found
}

/// Addresses that were asked for, those of the browser's own services left out.
pub(crate) fn asked(browser: &Path, folder: &Path, page: &Path) -> Vec<String> {
    let log = folder.join("net.json");
    let more =
        ["--host-resolver-rules=MAP * ~NOTFOUND".to_string(), format!("--log-net-log={}", log.display())];
    opened(browser, &folder.join("profile"), page, &more);
    let log = fs::read_to_string(log).unwrap();
    let urls = log.split("\"url\":\"").skip(1).map(|rest| &rest[..rest.find('"').unwrap()]);
    let host = |url: &str| url.split('/').nth(2).unwrap_or_default().to_string();
    let own = |url: &str| {
        [".google.com", ".googleapis.com", ".gstatic.com"].iter().any(|own| host(url).ends_with(own))
    };
    urls.filter(|url| url.starts_with("http") && !own(url)).map(String::from).collect()
}
